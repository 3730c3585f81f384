"""The model that a config names, told apart from what it could not be, without loading it for use."""

from __future__ import annotations

from streamtrack.config import ModelConfig
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.model.build import name_of_checkpoint, resolve_device, resolve_precision
from streamtrack.weights.catalog import get_entry, require_checkpoint
from streamtrack.weights.model_name import weights_file


def choose_model(config: ModelConfig) -> ModelConfig:
    """The config with a weights file as `name` replaced by its architecture's name and `checkpoint`.

    Raises:
        CheckpointError: unknown model, or a file whose architecture is not recognised.
        ConfigError: two files are named.
    """
    path = weights_file(config.name)
    if path is None:
        get_entry(config.name)
        return config
    if config.checkpoint is not None:
        raise ConfigError("model.name is a weights file and model.checkpoint another, expected one of them")
    return config.model_copy(update={"name": name_of_checkpoint(path), "checkpoint": path})


def check_model(config: ModelConfig) -> ModelConfig:
    """`choose_model`, and whether its weights, the device and the precision are there on this machine.

    Raises:
        CheckpointError: unknown model, or weights that are not there.
        ConfigError: the device is not there, or does not have the precision.
    """
    chosen = choose_model(config)
    resolve_precision(chosen.precision, resolve_device(chosen.device))
    if chosen.checkpoint is None:
        require_checkpoint(get_entry(chosen.name))
    elif not chosen.checkpoint.is_file():
        raise CheckpointError(f"{chosen.checkpoint}: no such file")
    return chosen
