"""A fish that swims: a body, fins and a tail that bend in a wave from head to tail."""

from __future__ import annotations

import cv2
import numpy as np

from streamtrack.scenes.patches import Patch, make_patch
from streamtrack.scenes.textures import Colour, Floats, fractal_noise, smoothstep

ASPECT = 0.52
"""Height of the patch over its width; room for the wave."""
SUPERSAMPLE = 3


class Fish:
    """A fish seen from the side or from above, its head to the right, drawn at a fixed size."""

    def __init__(
        self, seed: int, width_px: int, colours: tuple[Colour, Colour, Colour], from_above: bool = False
    ) -> None:
        """Colours: of the belly or ground, of the spots, of the fins."""
        self._width = width = max(16, width_px)
        self._height = height = max(8, round(width * ASPECT))
        big = _draw(
            np.random.default_rng(seed), height * SUPERSAMPLE, width * SUPERSAMPLE, colours, from_above
        )
        self._rest = np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA))
        self._columns, self._rows = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        along = np.linspace(0, 1, width, dtype=np.float32)  # tail to head
        self._along = along
        self._swing = (0.17 * (1 - along) ** 1.6 + 0.012) * height

    def patch(self, phase: float, strength: float = 1.0) -> Patch:
        """The fish at a moment of its stroke.

        Args:
            phase: radians; 2 pi is one beat of the tail.
            strength: 0 glides, 1 swims.
        """
        bend = strength * self._swing * np.sin(5.2 * self._along + phase)
        rows = self._rows + bend.astype(np.float32)[None, :]
        return np.asarray(cv2.remap(self._rest, self._columns, rows, cv2.INTER_LINEAR))


def _draw(
    rng: np.random.Generator,
    height: int,
    width: int,
    colours: tuple[Colour, Colour, Colour],
    from_above: bool,
) -> Patch:
    """The fish at rest, (height, width, 4)."""
    ground, spot, fin = (np.array(colour, np.float32) for colour in colours)
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-ASPECT, ASPECT, height, dtype=np.float32)[:, None] / 2
    half = _half_width(x)
    across = y / np.maximum(half, 1e-4)
    pixel = 1.0 / width
    body = np.clip((half - np.abs(y)) / pixel, 0, 1).astype(np.float32)
    fins = _fins(x, y, width, from_above)

    pattern = fractal_noise(rng, height, width, (2.2, 4.5), 3)
    spots = smoothstep(0.52, 0.58, pattern)[..., None]
    rgb: Floats = ground * (1 - spots) + spot * spots
    scale_size = 0.026
    row = np.floor(y / scale_size)
    fx = (x / scale_size + 0.5 * (row % 2)) % 1 - 0.5
    fy = (y / scale_size) % 1 - 0.5
    scales = 0.93 + 0.12 * smoothstep(0.55, 0.2, np.sqrt((fx + 0.2) ** 2 + fy**2).astype(np.float32))
    rounding = np.sqrt(np.clip(1 - across * across, 0, 1))
    shade = 0.62 + 0.5 * rounding if from_above else 0.74 + 0.34 * rounding - 0.16 * across
    rgb = rgb * (scales * shade)[..., None]
    gloss = np.exp(-(((across + 0.35) / 0.16) ** 2)) * smoothstep(0.2, 0.5, x) * smoothstep(0.97, 0.8, x)
    rgb = rgb + 46 * gloss[..., None]

    rays = 0.82 + 0.18 * np.sin((np.arctan2(y, x - 0.34)) * 70)
    fin_rgb = fin * rays[..., None] * np.ones_like(rgb)
    alpha = np.maximum(body, 0.93 * fins)
    rgb = fin_rgb * (1 - body[..., None]) + rgb * body[..., None]
    for side in (-1, 1) if from_above else (-1,):
        eye_y = side * (0.052 if from_above else 0.02)
        rgb = _spot(rgb, x, y, (0.9, eye_y), 0.021, (245, 242, 225), pixel)
        rgb = _spot(rgb, x, y, (0.903, eye_y), 0.013, (18, 18, 22), pixel)
        rgb = _spot(rgb, x, y, (0.908, eye_y - 0.005), 0.004, (255, 255, 255), pixel)
    return make_patch(np.clip(rgb, 0, 255).astype(np.float32), alpha.astype(np.float32))


def _half_width(x: Floats) -> Floats:
    """Half the body's thickness at each place from tail (0) to head (1), in widths of the patch."""
    stops = [0.0, 0.2, 0.3, 0.45, 0.62, 0.76, 0.88, 0.95, 0.985, 1.0]
    half = [0.0, 0.016, 0.03, 0.085, 0.132, 0.135, 0.1, 0.062, 0.03, 0.0]
    smooth = np.interp(np.linspace(0, 1, 256), stops, half)
    kernel = np.hanning(19)
    smooth = np.convolve(smooth, kernel / kernel.sum(), mode="same")
    return np.interp(x, np.linspace(0, 1, 256), smooth).astype(np.float32)


def _fins(x: Floats, y: Floats, width: int, from_above: bool) -> Floats:
    """Tail, back and belly fins (side view) or two breast fins (from above), 0 to 1."""
    height = y.shape[0]
    canvas = np.zeros((height, width), np.uint8)

    def polygon(points: list[tuple[float, float]]) -> None:
        scaled = [(px * width, (py / ASPECT + 0.5) * height) for px, py in points]
        cv2.fillPoly(
            canvas, [np.array(scaled, np.float32).round().astype(np.int32)], 255, lineType=cv2.LINE_AA
        )

    polygon([(0.27, 0.0), (0.2, -0.05), (0.09, -0.145), (0.02, -0.165), (0.06, -0.07), (0.075, 0.0)])
    polygon([(0.27, 0.0), (0.2, 0.05), (0.09, 0.145), (0.02, 0.165), (0.06, 0.07), (0.075, 0.0)])
    if from_above:
        for side in (-1, 1):
            polygon([(0.76, 0.1 * side), (0.72, 0.2 * side), (0.63, 0.225 * side), (0.65, 0.11 * side)])
            polygon([(0.5, 0.08 * side), (0.44, 0.14 * side), (0.4, 0.13 * side), (0.43, 0.06 * side)])
    else:
        polygon([(0.74, -0.11), (0.66, -0.205), (0.52, -0.195), (0.42, -0.125), (0.42, -0.05)])
        polygon([(0.66, 0.11), (0.6, 0.195), (0.52, 0.19), (0.53, 0.09)])
        polygon([(0.47, 0.08), (0.41, 0.135), (0.36, 0.12), (0.39, 0.04)])
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.5), np.float32) / 255


def _spot(
    rgb: Floats,
    x: Floats,
    y: Floats,
    centre: tuple[float, float],
    radius: float,
    colour: Colour,
    pixel: float,
) -> Floats:
    """Paint a round spot."""
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2)
    amount = np.clip((radius - distance) / pixel + 0.5, 0, 1)[..., None]
    return np.asarray(rgb * (1 - amount) + np.array(colour, np.float32) * amount, np.float32)
