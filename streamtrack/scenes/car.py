"""A small car seen from the side, its wheels turning."""

from __future__ import annotations

import cv2
import numpy as np

from streamtrack.scenes.patches import Patch, Pose, composite_patch, make_patch
from streamtrack.scenes.textures import Colour, Floats

ASPECT = 0.46
"""Height of the patch over its width."""
SUPERSAMPLE = 4
WHEEL_CENTRES = ((0.225, 0.365), (0.79, 0.365))
"""x and y in widths of the patch."""
WHEEL_RADIUS = 0.088

Points = list[tuple[float, float]]


class Car:
    """A car that drives to the right, drawn at a fixed size."""

    def __init__(self, width_px: int, colour: Colour) -> None:
        self._width = width = max(24, width_px)
        self._height = height = round(width * ASPECT)
        big = _draw_body(height * SUPERSAMPLE, width * SUPERSAMPLE, colour)
        self._body = np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA))
        wheel_px = max(6, round(2 * WHEEL_RADIUS * width))
        self._wheel = _draw_wheel(wheel_px)

    def patch(self, wheel_angle: float) -> Patch:
        """The car with its wheels turned by so many radians."""
        patch = self._body.copy()
        size = 2 * WHEEL_RADIUS * self._width
        for x, y in WHEEL_CENTRES:
            composite_patch(patch, self._wheel, Pose(x * self._width, y * self._width, size, wheel_angle))
        return patch


def _draw_body(height: int, width: int, colour: Colour) -> Patch:
    paint = np.array(colour, np.float32)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]

    def region(points: Points, rounding: float = 0.012) -> Floats:
        """(height, width, 1) float32 coverage of a polygon with rounded corners."""
        canvas = np.zeros((height, width), np.uint8)
        scaled = [(x * width, y * width) for x, y in points]
        cv2.fillPoly(canvas, [np.array(scaled, np.float32).round().astype(np.int32)], 255)
        blurred = cv2.GaussianBlur(canvas, (0, 0), rounding * width).astype(np.float32) / 255
        return np.asarray(np.clip((blurred - 0.5) * 8 + 0.5, 0, 1)[..., None])

    def disc(x: float, y: float, radius: float) -> Floats:
        canvas = np.zeros((height, width), np.uint8)
        cv2.circle(canvas, (round(x * width), round(y * width)), round(radius * width), 255, -1)
        return (canvas.astype(np.float32) / 255)[..., None]

    cabin = region([(0.2, 0.2), (0.3, 0.055), (0.37, 0.03), (0.56, 0.03), (0.63, 0.055), (0.75, 0.2)])
    bonnet_to_boot = [(0.03, 0.2), (0.07, 0.175), (0.24, 0.16), (0.72, 0.16), (0.9, 0.19), (0.965, 0.23)]
    underside = [(0.98, 0.31), (0.965, 0.36), (0.04, 0.36), (0.02, 0.3)]
    hull = region(bonnet_to_boot + underside, 0.016)
    alpha = np.maximum(cabin, hull)
    sheen = 1.24 - 0.62 * np.clip(down * 1.15, 0, 1)
    rgb = paint * sheen * np.ones((height, width, 3), np.float32)
    crease = np.exp(-(((down * ASPECT - 0.225) / 0.008) ** 2))
    rgb = rgb * (1 - 0.2 * crease) + 60 * np.exp(-(((down * ASPECT - 0.185) / 0.01) ** 2))

    def paint_over(cover: Floats, painted: Floats) -> None:
        rgb[:] = rgb * (1 - cover) + painted * cover

    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    streak = np.clip(np.sin((across * 2.2 - down * 0.9) * 9), 0, 1) ** 6
    glass = np.array((62, 84, 104), np.float32) * (1.35 - 0.8 * down * 2) + 55 * streak
    windows = region([(0.255, 0.165), (0.325, 0.07), (0.385, 0.055), (0.455, 0.055), (0.455, 0.165)], 0.008)
    windows = np.maximum(
        windows, region([(0.48, 0.165), (0.48, 0.055), (0.55, 0.055), (0.605, 0.07), (0.69, 0.165)], 0.008)
    )
    paint_over(windows, glass)
    dark = np.array((26, 27, 31), np.float32)
    paint_over(region([(0.03, 0.33), (0.97, 0.33), (0.965, 0.365), (0.035, 0.365)], 0.006), dark * 1.5)
    for x, y in WHEEL_CENTRES:
        paint_over(disc(x, y, WHEEL_RADIUS * 1.16), dark)
    paint_over(region([(0.467, 0.19), (0.471, 0.19), (0.471, 0.33), (0.467, 0.33)], 0.001), paint * 0.45)
    paint_over(region([(0.40, 0.205), (0.445, 0.205), (0.445, 0.215), (0.40, 0.215)], 0.003), paint * 0.5)
    paint_over(
        region([(0.915, 0.215), (0.96, 0.225), (0.97, 0.255), (0.92, 0.25)], 0.006), _flat(255, 244, 205)
    )
    paint_over(
        region([(0.025, 0.215), (0.06, 0.205), (0.06, 0.25), (0.022, 0.255)], 0.006), _flat(196, 28, 30)
    )
    for x, y in WHEEL_CENTRES:  # the wheels stick out below
        alpha = np.maximum(alpha, disc(x, y, WHEEL_RADIUS * 0.98))
    return make_patch(np.clip(rgb, 0, 255), alpha[..., 0])


def _flat(red: int, green: int, blue: int) -> Floats:
    return np.array((red, green, blue), np.float32)


def _draw_wheel(size: int) -> Patch:
    """Tyre, rim, five spokes."""
    big = size * SUPERSAMPLE
    axis = np.linspace(-1, 1, big, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    radius, angle = np.sqrt(x * x + y * y), np.arctan2(y, x)
    rgb = np.full((big, big, 3), 30, np.float32)
    rgb[radius < 0.68] = (176, 180, 186)
    gaps = (radius < 0.6) & (radius > 0.24) & (np.cos(5 * angle) < 0.35)
    rgb[gaps] = (58, 60, 66)
    rgb[radius < 0.1] = (90, 92, 98)
    patch = make_patch(rgb, (radius < 0.97).astype(np.float32))
    return np.asarray(cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA))
