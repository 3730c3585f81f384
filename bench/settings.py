"""`--set key=value`: what a bench changes of the model's and the tracking's config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from streamtrack.config import ModelConfig, TrackingConfig
from streamtrack.config.faults import describe_validation_error
from streamtrack.config.overrides import parse_assignment
from streamtrack.config.presets import model_with_preset, tracking_with_preset
from streamtrack.errors import ConfigError
from streamtrack.model.chosen import choose_model

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
        "model": {"name": name_or_path, "device": device, "threads": threads},
        "tracking": {},
    }
    for assignment in assignments:
        override = parse_assignment(assignment)
        section, *keys = override.path
        if section not in SECTIONS or len(keys) != 1:
            raise ConfigError(f"--set {assignment}: expected model.KEY=VALUE or tracking.KEY=VALUE")
        raw[str(section)][str(keys[0])] = override.value
    try:
        model = choose_model(ModelConfig.model_validate(raw["model"]))
        tracking = TrackingConfig.model_validate(raw["tracking"])
        return model_with_preset(model), tracking_with_preset(tracking, model.preset)
    except ValidationError as error:
        raise ConfigError(f"--set: {describe_validation_error(error)}") from error
