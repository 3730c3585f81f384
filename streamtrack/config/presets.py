"""Presets of `model.preset`: which approximations it turns on. A key that was set explicitly wins.

With another preset than quality, `precision: auto` is bf16 on a CPU, too, if it has that in hardware
(`build.resolve_precision`). What each costs in masks and gains in speed, `streamtrack bench pareto` measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from streamtrack.config.model import ModelConfig
from streamtrack.config.section import Section
from streamtrack.config.tracking import TrackingConfig
from streamtrack.weights.catalog import CATALOG

Kind = TypeVar("Kind", bound=Section)


@dataclass(frozen=True, slots=True)
class Preset:
    """Config keys and their values."""

    model: Mapping[str, Any] = field(default_factory=dict)
    """Of the `model` section."""
    tracking: Mapping[str, Any] = field(default_factory=dict)
    """Of every stream's `tracking` section."""


MAX_MASK_GROWTH = 4.0
"""`tracking.max_mask_growth` with windows, where nobody set it."""

PRESETS: Mapping[str, Preset] = {
    "quality": Preset(),
    "balanced": Preset(tracking={"keyframe_interval": 2, "memory_frames": 3}),
    "fast": Preset(tracking={"keyframe_interval": 4, "memory_frames": 3}),
}


def model_with_preset(config: ModelConfig) -> ModelConfig:
    """The config with what its preset adds."""
    return _filled(config, PRESETS[config.preset].model)


def tracking_with_preset(config: TrackingConfig, preset: str) -> TrackingConfig:
    """The config with what the model's preset adds."""
    return _filled(config, PRESETS[preset].tracking)


def tracking_of_model(config: TrackingConfig, model: str) -> TrackingConfig:
    """The config with what the model itself says of keys that nobody set; a weights file says so only once it
    is read."""
    entry = CATALOG.get(model)
    window = entry.window if config.window is None and entry is not None else config.window
    growth = config.max_mask_growth
    if growth is None and window is not None:
        growth = "off" if window == "off" else MAX_MASK_GROWTH
    memory = config.memory
    if memory is None and window is not None and (entry is not None or window == "off"):
        # Without windows what is seen is promised to be exact, and only `recent` is.
        memory = "recent" if entry is None or window == "off" else entry.memory
    cuts = config.scene_cuts
    if cuts is None and memory is not None:
        cuts = memory != "recent"
    return config.model_copy(
        update={"window": window, "max_mask_growth": growth, "memory": memory, "scene_cuts": cuts}
    )


def _filled(config: Kind, values: Mapping[str, Any]) -> Kind:
    return config.model_copy(
        update={key: value for key, value in values.items() if key not in config.model_fields_set}
    )
