"""Thin things that belong to an object and reach far from it: lines, ropes, poles.

They stretch its box, so that most of the box is empty and the body lies in a corner of it. Who never saw that
takes whatever fills the box for the object.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.bank import Image

MAX_LINES = 4
REACH = (0.4, 2.0)
"""Length of what is added, in longer sides of the picture."""
THICKNESS = (0.006, 0.03)
"""In longer sides of the picture."""
ALPHA = (132, 256)
"""Of what is added: hardly to be seen, to solid. From 128 on it belongs to the object."""


def tethered(pictures: tuple[Image, ...], rng: np.random.Generator) -> tuple[Image, ...]:
    """The same RGBA pictures, all of one size, with lines from the body to somewhere beside it."""
    height, width = pictures[0].shape[:2]
    longer = max(height, width)
    solid = np.argwhere(pictures[0][..., 3] > 127)
    if not len(solid) or any(picture.shape != pictures[0].shape for picture in pictures):
        return pictures
    heading = rng.uniform(0, 2 * math.pi)
    reach = rng.uniform(*REACH) * longer
    starts = solid[rng.integers(len(solid), size=int(rng.integers(1, MAX_LINES + 1)))][:, ::-1]
    end = starts.mean(0) + reach * np.array([math.cos(heading), math.sin(heading)])
    spread = rng.normal(0, 0.06 * longer, starts.shape) * (rng.random() < 0.5)
    before = np.ceil(np.maximum(0, 8 - end)).astype(int)
    after = np.ceil(np.maximum(0, end + 8 - (width, height))).astype(int)
    margins = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    colour = (*(int(value) for value in rng.integers(0, 256, 3)), int(rng.integers(*ALPHA)))
    thickness = max(1, round(longer * rng.uniform(*THICKNESS)))
    drift = rng.normal(0, 0.04 * longer, 2)
    out = []
    for t, picture in enumerate(pictures):
        canvas = np.pad(picture, margins)
        now = end + np.clip(drift * math.sin(0.7 * t), -8, 8)
        for start, offset in zip(starts, spread, strict=True):
            a, b = start + before, now + np.clip(offset, -7, 7) + before
            cv2.line(canvas, _point(a), _point(b), colour, thickness, cv2.LINE_8)
        body = picture[..., 3:] > 127
        place = (slice(before[1], before[1] + height), slice(before[0], before[0] + width))
        canvas[place] = np.where(body, picture, canvas[place])
        out.append(canvas)
    return tuple(out)


def _point(values: np.ndarray) -> tuple[int, int]:
    return round(float(values[0])), round(float(values[1]))
