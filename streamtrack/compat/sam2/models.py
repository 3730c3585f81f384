"""sam2's names for models, and the models of the catalog that they mean."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch
from pydantic import ValidationError

from streamtrack.config import ModelConfig
from streamtrack.config.faults import describe_validation_error
from streamtrack.errors import ConfigError
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.chosen import choose_model
from streamtrack.weights.hub import published_name

CONFIG_NAME = re.compile(r"(sam2(?:\.1)?)_hiera_(t|s|b\+|l|tiny|small|base_plus|large)$")
"""The stem of sam2's config files."""
SIZES = {"t": "tiny", "s": "small", "b+": "base-plus", "l": "large", "base_plus": "base-plus"}


def load(
    config_or_model: str | os.PathLike[str] | LoadedModel,
    ckpt_path: str | os.PathLike[str] | None,
    device: str | torch.device,
    precision: str,
    image_size: int | None,
) -> LoadedModel:
    """The model that sam2's words mean; one that is loaded as it is.

    Args:
        ckpt_path: weights; None: the catalog's.
        device: auto, cpu, cuda or mps; a number behind it is left out.
        precision: auto, fp32 or bf16.
        image_size: side of the picture that the network sees; None: the model's own.
    Raises:
        CheckpointError: unknown model, or weights that are missing, damaged or of another model.
        ConfigError: the device is not there, or a config file of one's own.
    """
    if isinstance(config_or_model, LoadedModel):
        return config_or_model
    name = os.fspath(config_or_model)
    if ckpt_path is not None or published_name(name) is None:
        name = catalog_name(name)
    fields = {
        "name": name,
        "checkpoint": None if ckpt_path is None else Path(ckpt_path),
        "device": str(device).partition(":")[0],
        "precision": precision,
        "image_size": image_size,
    }
    try:
        config = ModelConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"model: {describe_validation_error(error, ModelConfig)}") from error
    return load_model(choose_model(config))


def catalog_name(config: str) -> str:
    """The catalog's name for what sam2 calls a model; other words as they are.

    Raises:
        ConfigError: a config file of one's own.
    """
    stem = config.removesuffix(".yaml").rpartition("/")[2]
    named = CONFIG_NAME.match(stem) if config.endswith(".yaml") else None
    if named is not None:
        return f"{named[1]}-{SIZES.get(named[2], named[2])}"
    if config.endswith(".yaml"):
        raise ConfigError(
            f"config is {config}, expected one of sam2's own or a name such as nano, sam2.1-tiny"
        )
    return published_name(config) or config
