"""`--set key=value`: what a bench changes of the model's and the tracking's config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import ValidationError

from streamtrack.cli.serve import model_section
from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.config.faults import describe_validation_error
from streamtrack.errors import ConfigError

SECTIONS = {"model": ModelConfig, "tracking": TrackingConfig}
HELP = (
    "change a config key, such as model.image_size=512 or tracking.max_conditioning_frames=2; may be repeated"
)


def read_settings(
    name_or_path: str, device: str, threads: int | None, assignments: Iterable[str]
) -> tuple[ModelConfig, TrackingConfig]:
    """The config of a model and a session, with the assignments applied.

    Raises:
        ConfigError: a key is unknown or a value does not fit.
        CheckpointError: a weights file whose architecture is not recognised.
    """
    raw: dict[str, dict[str, Any]] = {
        "model": {**model_section(name_or_path), "device": device, "threads": threads},
        "tracking": {},
    }
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        section, _, key = path.partition(".")
        if not equals or section not in SECTIONS or not key:
            raise ConfigError(f"--set {assignment}: expected model.KEY=VALUE or tracking.KEY=VALUE")
        raw[section][key] = yaml.safe_load(value)
    try:
        return ModelConfig.model_validate(raw["model"]), TrackingConfig.model_validate(raw["tracking"])
    except ValidationError as error:
        raise ConfigError(f"--set: {describe_validation_error(error)}") from error
