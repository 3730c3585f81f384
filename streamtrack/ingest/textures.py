"""Procedural textures: fractal noise and what is made of it. Seeded and pure."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image

Field = NDArray[np.float32]
"""(H, W) float32, 0 to 1."""
Colour = tuple[int, int, int]
"""RGB, 0 to 255."""


def fractal_noise(
    rng: np.random.Generator, height: int, width: int, cells: tuple[float, float], octaves: int = 5
) -> Field:
    """(height, width) float32 from 0 to 1, periodic in x: smooth noise in octaves of half the size and strength.

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


def colour_ramp(values: Field, stops: Sequence[tuple[float, Colour]]) -> NDArray[np.float32]:
    """(H, W, 3) float32, 0 to 255: each value's colour between the stops (position from 0 to 1, colour)."""
    positions = [position for position, _ in stops]
    channels = [np.interp(values, positions, [colour[c] for _, colour in stops]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def smoothstep(low: float, high: float, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def to_image(values: NDArray[np.float32]) -> Image:
    """Rounded and clipped to uint8."""
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def speckle(rng: np.random.Generator, height: int, width: int, sigma: float) -> Image:
    """(H, W, 3) uint8 sensor noise around 128."""
    return to_image(128 + rng.normal(0, sigma, (height, width, 3)).astype(np.float32))
