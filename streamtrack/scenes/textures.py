"""Procedural textures: fractal noise, what is made of it, and how it is moved. Seeded and pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image

Floats = NDArray[np.floating[Any]]
"""Any shape; float32 where speed matters."""
Field = Floats
"""(H, W), 0 to 1."""
Colour = tuple[int, int, int]
"""RGB, 0 to 255."""

RAMP_STEPS = 1024
"""Colours of a ramp; finer than uint8 can show."""
NOISE_TILES = 7
"""Different cuts of the sensor noise; a prime, so that it does not beat with anything else of the scene."""


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, cells: tuple[float, float], octaves: int = 5
) -> Field:
    """(height, width) float32 from 0 to 1, periodic in x: smooth noise in octaves of half the size and
    strength.

    Args:
        cells: rows and columns of the coarsest octave.
    """
    total = np.zeros((height, width), np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        rows = min(height, max(2, round(cells[0] * 2**octave)))
        columns = min(width, max(2, round(cells[1] * 2**octave)))
        total += amplitude * _smooth_noise(rng, height, width, rows, columns)
        amplitude *= 0.5
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def _smooth_noise(rng: np.random.Generator, height: int, width: int, rows: int, columns: int) -> Field:
    """Random values on a grid, interpolated smoothly, the right edge meeting the left one."""
    grid = rng.random((rows + 2, columns), dtype=np.float32)
    pad = 3
    wrapped = np.concatenate([grid[:, -pad:], grid, grid[:, :pad]], axis=1)
    scale_x, scale_y = width / columns, height / rows
    matrix = np.array([[scale_x, 0, -pad * scale_x], [0, scale_y, -scale_y]], np.float32)
    flags = cv2.INTER_CUBIC
    return np.asarray(
        cv2.warpAffine(wrapped, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def colour_ramp(values: Field, stops: Sequence[tuple[float, Colour]]) -> Floats:
    """(H, W, 3) float32, 0 to 255: each value's colour between the stops (position from 0 to 1, colour)."""
    positions = [position for position, _ in stops]
    steps = np.linspace(0, 1, RAMP_STEPS)
    channels = [np.interp(steps, positions, [colour[c] for _, colour in stops]) for c in range(3)]
    table = np.stack(channels, axis=-1).astype(np.float32)
    return np.asarray(table[(np.clip(values, 0, 1) * (RAMP_STEPS - 1)).astype(np.int32)])


def smoothstep(low: float, high: float, values: Floats) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def to_image(values: Floats) -> Image:
    """Rounded and clipped to uint8."""
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


def speckle(rng: np.random.Generator, height: int, width: int, sigma: float) -> Image:
    """(H, W, 3) uint8 sensor noise around 128."""
    return to_image(128 + rng.normal(0, sigma, (height, width, 3)).astype(np.float32))


class Scroller:
    """A texture without end from left to right, read at any fraction of a pixel."""

    def __init__(self, texture: NDArray[np.uint8], width_px: int) -> None:
        self._period = texture.shape[1]
        self._width = width_px
        repeats = -(-(width_px + 1) // self._period)
        self._texture = np.concatenate([texture] * (repeats + 1), axis=1)

    def window(self, offset_px: float) -> NDArray[np.uint8]:
        """(H, width, ...) uint8: what is seen from `offset_px` on; a new array."""
        offset = offset_px % self._period
        column, fraction = int(offset), offset % 1
        left = self._texture[:, column : column + self._width]
        right = self._texture[:, column + 1 : column + 1 + self._width]
        return np.asarray(cv2.addWeighted(left, 1 - fraction, right, fraction, 0))


class SensorNoise:
    """A camera's grain: another cut of one large tile for each frame."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int, sigma: float = 2.2) -> None:
        self._size = (height_px, width_px)
        self._tile = speckle(rng, height_px + 16 * NOISE_TILES, width_px + 16 * NOISE_TILES, sigma)

    def apply(self, image: Image, index: int) -> Image:
        """The picture with grain; a new array."""
        x, y = 16 * (index * 3 % NOISE_TILES), 16 * (index * 5 % NOISE_TILES)
        cut = self._tile[y : y + self._size[0], x : x + self._size[1]]
        return np.asarray(cv2.addWeighted(image, 1.0, cut, 1.0, -128))
