"""Who plays in a scene, and how they move."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamtrack.frame import Image
from streamtrack.scenes.balls import Ball, rolling
from streamtrack.scenes.fish import Fish
from streamtrack.scenes.patches import Patch, Pose, make_patch
from streamtrack.scenes.textures import fractal_noise

Path = Callable[[float], Pose]
"""Time in seconds to a pose."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Something that is drawn over the backdrop."""

    object_id: int | None
    """None for what is in the way but nobody follows, as a pillar."""
    look: Callable[[float], Patch]
    """Time in seconds to a patch."""
    pose: Path
    shadow: Path | None = None
    """Where its shadow falls."""


@dataclass(frozen=True, slots=True)
class Script:
    """A scene: a backdrop and its actors, the farthest first."""

    backdrop: Callable[[float], Image]
    """Time in seconds to a new picture."""
    actors: tuple[Actor, ...]


Where = Callable[[float], tuple[float, float]]
"""Time in seconds to x and y in pixels of the ground."""


def around(
    home: tuple[float, float], reach: tuple[float, float], rng: np.random.Generator, width: int, height: int
) -> Where:
    """A lazy loop around a place."""
    speed_x, speed_y = rng.uniform(0.25, 0.5, 2)
    phase_x, phase_y = rng.uniform(0, 2 * math.pi, 2)

    def where(t: float) -> tuple[float, float]:
        x = home[0] + reach[0] * math.sin(speed_x * t + phase_x)
        y = home[1] + reach[1] * math.sin(speed_y * t + phase_y)
        return x * width, y * height

    return where


def swimmer(
    object_id: int | None,
    fish: Fish,
    where: Where,
    size: float,
    camera: Where,
    *,
    beat: float,
    level: bool = False,
) -> Actor:
    """A fish that looks where it goes; `level` ones only turn round, the others (from above) turn about."""

    def pose(t: float) -> Pose:
        x, y = where(t)
        camera_x, camera_y = camera(t)
        ahead_x, ahead_y = where(t + 0.05)
        place = (x - camera_x, y - camera_y)
        if level:
            # Turning round, a fish shows its front for a moment: it gets short, never less than a third.
            turn = math.tanh((ahead_x - x) * 8 / size)
            tilt = 0.25 * math.tanh((ahead_y - y) * 8 / size)
            return Pose(*place, size, tilt if turn > 0 else -tilt, flip=turn < 0)
        return Pose(*place, size, math.atan2(ahead_y - y, ahead_x - x))

    def shadow(t: float) -> Pose:
        above = pose(t)
        return Pose(above.x_px + 0.1 * size, above.y_px + 0.16 * size, 0.8 * size, stretch=0.8)

    return Actor(object_id, lambda t: fish.patch(-beat * t), pose, None if level else shadow)


def roller(object_id: int | None, ball: Ball, where: Where, size: float, camera: Where) -> Actor:
    """A ball that rolls over a ground seen from above."""

    def pose(t: float) -> Pose:
        x, y = where(t)
        camera_x, camera_y = camera(t)
        return Pose(x - camera_x, y - camera_y, size)

    def look(t: float) -> Patch:
        x, y = where(t)
        return ball.patch(rolling(2 * x / size, 2 * y / size))

    def shadow(t: float) -> Pose:
        above = pose(t)
        return Pose(above.x_px + 0.2 * size, above.y_px + 0.26 * size, 1.25 * size)

    return Actor(object_id, look, pose, shadow)


def pillar(rng: np.random.Generator, width: int, height: int) -> Patch:
    """A round stone pillar as high as the picture."""
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    roundness = np.sqrt(np.clip(1 - across * across * 0.97, 0, 1))
    grain = fractal_noise(rng, height, width, (14, 5), 5)
    light = (0.35 + 0.75 * roundness - 0.22 * across) * (0.78 + 0.4 * grain)
    joints = np.abs((np.arange(height, dtype=np.float32) / height * 6) % 1 - 0.5)[:, None] > 0.488
    light = np.where(joints, 0.6 * light, light)
    rgb = light[..., None] * np.array((186, 176, 160), np.float32)
    return make_patch(np.clip(rgb, 0, 255).astype(np.float32), np.ones((height, width), np.float32))
