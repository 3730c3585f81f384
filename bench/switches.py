"""What `bench pareto` turns on: one approximation at a time, and the presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from bench.models import make_tracker
from streamtrack.config import TrackingConfig
from streamtrack.config.presets import PRESETS
from streamtrack.model.build import resolve_precision
from streamtrack.model.hardware import cpu_has_bf16
from streamtrack.tracking import Session, Tracker
from streamtrack.weights.catalog import get_entry

SIDE_STEP_PX = 32
"""Sides of the input are multiples of it."""


@dataclass(frozen=True)
class Switch:
    """What a point turns on."""

    model: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the config's `model` section."""
    tracking: Mapping[str, Any] = field(default_factory=dict)
    """Of its `tracking` section."""
    scale: float = 1.0
    """Of the model's own image size."""
    aspect: float = 1.0
    """Width over height of what the network sees."""

    def tracker(self, name: str, threads: int, *, image_size: int | None = None, compile: str) -> Tracker:
        """A model on the CPU with the switch on."""
        side = image_size if image_size is not None else get_entry(name).image_size
        width = int(side * self.scale)
        height = SIDE_STEP_PX * math.ceil(width / self.aspect / SIDE_STEP_PX)
        options = {"image_size": f"{width}x{height}", "device": "cpu", "compile": compile}
        return make_tracker(name, threads=threads, **options, **self.model)[0]

    def session(self, tracker: Tracker, **tracking: Any) -> Session:
        """A session with the switch on."""
        keys = {"window": "off", "memory": "recent", **tracking, **self.tracking}
        return tracker.new_session(TrackingConfig.model_validate(keys))


def preset_switch(name: str) -> Switch:
    """A preset as the single keys that it comes to on this machine."""
    precision = resolve_precision("auto", torch.device("cpu"), exact=name == "quality")
    bf16 = {"precision": precision} if precision != "fp32" else {}
    return Switch({**PRESETS[name].model, **bf16}, PRESETS[name].tracking)


def all_switches() -> dict[str, Switch]:
    """By name; exact is the first. bf16 is there if this machine has it in hardware."""
    singles = {
        "exact": Switch(),
        "bf16": Switch(model={"precision": "bf16"}),
        "image_size x 0.75": Switch(scale=0.75),
        "memory_pool 2": Switch(model={"memory_pool": 2}),
        "memory_frames 3": Switch(tracking={"memory_frames": 3}),
        "memory_frames 1": Switch(tracking={"memory_frames": 1}),
        "keyframe_interval 2": Switch(tracking={"keyframe_interval": 2}),
        "keyframe_interval 3": Switch(tracking={"keyframe_interval": 3}),
        "keyframe_interval 4": Switch(tracking={"keyframe_interval": 4}),
        "window auto": Switch(tracking={"window": "auto"}),
        "image_size x 0.5": Switch(scale=0.5),
        "16:9 input": Switch(aspect=16 / 9),
        "image_size x 0.5, window auto": Switch(tracking={"window": "auto"}, scale=0.5),
    }
    if not cpu_has_bf16():
        del singles["bf16"]
    return singles | {f"preset {name}": preset_switch(name) for name in PRESETS if name != "quality"}
