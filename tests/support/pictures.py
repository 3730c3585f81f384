"""Small pictures with known objects, made by arithmetic alone."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import BoolMask, Image

SIZE = (180, 320)
"""H, W in pixels."""


def ellipse(centre: tuple[int, int], axes: tuple[int, int]) -> BoolMask:
    """(H, W) bool; centre and half axes in x, y pixels."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    inside: BoolMask = ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 < 1
    return inside


def drifting_ellipses(num_frames: int) -> list[Image]:
    """Three textured ellipses drift over a textured ground; the first starts at (100, 80) and moves right."""
    rng = np.random.default_rng(5)
    ground = rng.integers(60, 130, (*SIZE, 3)).astype(np.uint8)
    textures = [rng.integers(low, low + 60, (*SIZE, 3)).astype(np.uint8) for low in (0, 140, 190)]
    frames = []
    for index in range(num_frames):
        frame = ground.copy()
        for which, (x, y) in enumerate([(100 + 2 * index, 80), (190 - index, 85 + index), (60, 120 - index)]):
            on_object = ellipse((x, y), (40, 25 + 5 * which))
            frame[on_object] = textures[which][on_object]
        frames.append(frame)
    return frames
