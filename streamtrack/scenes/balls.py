"""Balls that roll in three dimensions: a pattern on a sphere, turned, then lit by a sun that stands still."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from streamtrack.scenes.patches import Patch
from streamtrack.scenes.textures import Colour, Floats, smoothstep, to_image

Directions = Floats
"""(..., 3) float32 unit vectors."""
Pattern = Callable[[Directions], Floats]
"""Directions on the sphere to (..., 3) float32 RGB, 0 to 255."""

SUN = np.array([-0.45, -0.65, 0.62], np.float32)
"""Towards the light: x right, y down, z to the viewer."""


MARGIN = 1.06
"""Half the side of a hemisphere's texture, its rim being at 1."""


class Ball:
    """A sphere of some pattern, drawn at a fixed size."""

    def __init__(self, pattern: Pattern, size_px: int) -> None:
        self._size = size = max(8, size_px)
        axis = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / (size / 2 - 1)
        x, y = np.meshgrid(axis, axis)
        radius = np.sqrt(x * x + y * y)
        z = np.sqrt(np.clip(1 - radius * radius, 0, 1))
        self._normals = np.stack([x, y, z], axis=-1) / np.maximum(radius, 1)[..., None]
        edge_px = size / 2 - 1
        self._alpha = np.clip((1 - radius) * edge_px + 0.5, 0, 1)
        self._light, self._shine = _lighting(self._normals)
        # Two hemispheres side by side, equal-area: looked up without an arctangent, and with no crowding at
        # the rim. Each goes on a little beyond its rim, so that interpolation finds the other side's colours.
        self._texture_size = texture_size = size
        axis = np.linspace(-MARGIN, MARGIN, texture_size, dtype=np.float32)
        x, y = np.meshgrid(axis, axis)
        z = np.maximum(1 - x * x - y * y, -0.9)
        reach = np.sqrt(1 + z)
        halves = []
        for side in (1, -1):
            directions = np.stack([x * reach, y * reach, side * z], axis=-1)
            directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
            halves.append(to_image(pattern(directions)))
        self._texture = np.concatenate(halves, axis=1)

    def patch(self, rotation: Floats) -> Patch:
        """The ball after a rotation, (3, 3) float32."""
        turned = self._normals.reshape(-1, 3) @ rotation
        half = (self._texture_size - 1) / 2
        spread = half / MARGIN / np.sqrt(1 + np.abs(turned[:, 2]))
        columns = turned[:, 0] * spread + np.where(turned[:, 2] < 0, half + self._texture_size, half)
        rows = turned[:, 1] * spread + half
        shape = (self._size, self._size)
        columns, rows = columns.astype(np.float32).reshape(shape), rows.astype(np.float32).reshape(shape)
        colour = cv2.remap(self._texture, columns, rows, cv2.INTER_LINEAR).astype(np.float32)
        colour *= self._light
        colour += self._shine
        np.minimum(colour, 255, out=colour)
        colour *= self._alpha[..., None]
        patch = np.empty((*shape, 4), np.uint8)
        patch[..., :3] = colour
        patch[..., 3] = self._alpha * 255
        return patch


def rolling(x: float, y: float) -> Floats:
    """The rotation of a ball that rolled by x and y radii over a table seen from above."""
    (cos_x, sin_x), (cos_y, sin_y) = (math.cos(x), math.sin(x)), (math.cos(y), math.sin(y))
    about_y = np.array([[cos_x, 0, sin_x], [0, 1, 0], [-sin_x, 0, cos_x]], np.float32)
    about_x = np.array([[1, 0, 0], [0, cos_y, sin_y], [0, -sin_y, cos_y]], np.float32)
    return about_y @ about_x


def spinning(angle: float, tilt: float = 0.5) -> Floats:
    """The rotation of a ball that rolls along the ground seen from the side, its axis tilted by radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    about_z = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32)
    cos, sin = math.cos(tilt), math.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]], np.float32)
    return about_x @ about_z


def beach_ball(colours: tuple[Colour, ...]) -> Pattern:
    """Coloured gores between white ones, with a white cap."""

    def pattern(directions: Directions) -> Floats:
        turn = np.arctan2(directions[..., 1], directions[..., 0]) / (2 * np.pi) % 1
        gores = 2 * len(colours)
        position = turn * gores
        index = np.minimum(position.astype(np.int32), gores - 1)
        palette = np.array([c for colour in colours for c in (colour, (246, 244, 238))], np.float32)
        rgb = palette[index]
        seam = 1 - smoothstep(0.0, 0.05, np.abs(position - np.round(position)))
        rgb = rgb * (1 - 0.25 * seam[..., None])
        cap = smoothstep(0.93, 0.95, np.abs(directions[..., 2]))[..., None]
        return np.asarray(rgb * (1 - cap) + np.array((246, 244, 238), np.float32) * cap, np.float32)

    return pattern


def football(dark: Colour = (34, 36, 42), light: Colour = (238, 238, 232)) -> Pattern:
    """Twelve dark patches on a light ball, with seams between their neighbours."""
    golden = (1 + 5**0.5) / 2
    corners = np.array(
        [p for a in (-1, 1) for b in (-golden, golden) for p in ((0, a, b), (a, b, 0), (b, 0, a))],
        np.float32,
    )
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)

    def pattern(directions: Directions) -> Floats:
        nearness = np.sort(directions @ corners.T, axis=-1)
        patch = smoothstep(0.905, 0.925, nearness[..., -1])
        seam = (1 - smoothstep(0.0, 0.03, nearness[..., -1] - nearness[..., -2])) * 0.35
        amount = np.maximum(patch, seam)[..., None]
        return np.asarray(
            np.array(light, np.float32) * (1 - amount) + np.array(dark, np.float32) * amount, np.float32
        )

    return pattern


def marble(seed: int, base: Colour, vein: Colour) -> Pattern:
    """Glass with swirling veins; two seeds give look-alikes, not twins."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(0, 2.2, (6, 3)).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, 6).astype(np.float32)

    def pattern(directions: Directions) -> Floats:
        field = np.sin(directions @ waves.T + phases).sum(axis=-1)
        amount = smoothstep(0.15, 0.9, np.abs(np.sin(field * 1.3)).astype(np.float32))[..., None]
        return np.asarray(
            np.array(base, np.float32) * (1 - amount) + np.array(vein, np.float32) * amount, np.float32
        )

    return pattern


def _lighting(normals: Directions) -> tuple[Floats, Floats]:
    """What light makes of a white ball: (H, W, 1) factors and (H, W, 1) added shine."""
    sun = SUN / np.linalg.norm(SUN)
    facing = np.clip(normals @ sun, 0, 1)
    rim = normals[..., 2]
    bounce = np.clip(normals[..., 1], 0, 1) * 0.12
    light = (0.38 + 0.72 * facing + bounce) * (0.72 + 0.28 * rim)
    half_way = sun + np.array([0, 0, 1], np.float32)
    half_way /= np.linalg.norm(half_way)
    shine = 150 * np.clip(normals @ half_way, 0, 1) ** 40
    return light[..., None].astype(np.float32), shine[..., None].astype(np.float32)
