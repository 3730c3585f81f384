"""Flat grounds that a camera drifts over: a pond, an aquarium, a lawn.

Every texture is made once; drawing a frame only moves it and lets light play on it. Sizes are those of the
picture, in pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from streamtrack.frame import Image
from streamtrack.scenes.textures import (
    Field,
    Floats,
    Scroller,
    colour_ramp,
    fractal_noise,
    smoothstep,
    to_image,
)


class Sheet:
    """A flat ground under a camera that drifts over it."""

    MARGIN = 0.12
    """How much wider than the picture it is, on each side, in picture heights."""

    def __init__(
        self,
        texture: Image,
        width_px: int,
        height_px: int,
        caustics: Scroller | None = None,
        drift: float = 0.9,
    ) -> None:
        """`drift` is how far the camera wanders, as a share of the margin."""
        self._texture = texture
        self._size = (width_px, height_px)
        self._margin = round(self.MARGIN * height_px)
        self._caustics = caustics
        self._reach = drift * self._margin

    def camera(self, t_s: float) -> tuple[float, float]:
        """Where the camera has drifted to, x and y in pixels."""
        reach = self._reach
        return reach * math.sin(0.23 * t_s), reach * math.sin(0.31 * t_s + 1.0)

    def render(self, t_s: float) -> Image:
        """The view at a time."""
        x, y = self.camera(t_s)
        image = self._crop(self._margin + x, self._margin + y)
        if self._caustics is None:
            return image
        # Two nets of light that slide over each other; only where both are bright it glitters.
        first = self._caustics.window(14 * t_s + x)
        second = self._caustics.window(997 - 11 * t_s + x)[::-1]
        light = cv2.multiply(first, second, scale=1 / 255)
        return np.asarray(cv2.add(image, cv2.merge((light, light, light))))

    def _crop(self, x: float, y: float) -> Image:
        """The picture from a fraction of a pixel on: two linear mixes, a third of the price of a warp."""
        width, height = self._size
        column, row = int(x), int(y)
        region = self._texture[row : row + height + 1, column : column + width + 1]
        across = cv2.addWeighted(region[:, :-1], 1 - x % 1, region[:, 1:], x % 1, 0)
        return np.asarray(cv2.addWeighted(across[:-1], 1 - y % 1, across[1:], y % 1, 0))


def pond(rng: np.random.Generator, width_px: int, height_px: int) -> Sheet:
    """A pond from above: pebbles under dark water, lily pads, light playing on it."""
    width, height = _with_margin(width_px, height_px)
    depth = fractal_noise(rng, height, width, (2, 3), 4)
    pebbles = _pebbles(rng, height, width)
    rgb = colour_ramp(depth, [(0, (22, 56, 58)), (0.5, (38, 84, 78)), (1, (72, 116, 94))])
    rgb *= (0.72 + 0.5 * pebbles * (0.35 + 0.65 * depth))[..., None]
    _lily_pads(rng, rgb, height_px)
    return Sheet(to_image(rgb), width_px, height_px, _caustics(rng, width_px, height_px, 70))


def aquarium(rng: np.random.Generator, width_px: int, height_px: int) -> Sheet:
    """An aquarium from the side: blue water, weeds, sand."""
    width, height = _with_margin(width_px, height_px)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    wobble = fractal_noise(rng, height, width, (2, 3), 4)
    values = np.clip(down * 0.9 + 0.16 * (wobble - 0.5), 0, 1)
    rgb = colour_ramp(values, [(0, (96, 182, 204)), (0.35, (34, 124, 168)), (1, (10, 52, 96))])
    slant = np.arange(width, dtype=np.float32)[None, :] + 0.45 * height * down
    rays = np.sin(slant / width * 40) + np.sin(slant / width * 23 + 1)
    rgb += (13 * np.clip(rays, 0, 2) * (1 - down) ** 1.5)[..., None]
    _weeds(rng, rgb, height_px)
    shore = 0.84 + 0.05 * fractal_noise(rng, 1, width, (1, 4), 3)
    sand_amount = smoothstep(0, 0.012, down - shore)[..., None]
    grain = fractal_noise(rng, height, width, (40, 40), 4)
    sand = colour_ramp(grain, [(0, (120, 118, 100)), (0.6, (186, 174, 138)), (1, (214, 202, 164))])
    sand *= (0.7 + 0.25 * (down - 0.8) / 0.2)[..., None] * np.array((0.86, 0.98, 1.02), np.float32)
    rgb = rgb * (1 - sand_amount) + sand * sand_amount
    return Sheet(to_image(rgb), width_px, height_px, _caustics(rng, width_px, height_px, 36), drift=0.3)


def lawn(rng: np.random.Generator, width_px: int, height_px: int) -> Sheet:
    """A mown lawn from above with chalk lines."""
    width, height = _with_margin(width_px, height_px)
    blades = fractal_noise(rng, height, width, (60, 90), 3)
    patches = fractal_noise(rng, height, width, (3, 4), 4)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    stripe = np.sin((x + 0.25 * y) / (0.24 * height_px) * np.pi)
    values = np.clip(
        0.45 + 0.13 * smoothstep(-0.25, 0.25, stripe) + 0.3 * (blades - 0.5) + 0.2 * (patches - 0.5), 0, 1
    )
    rgb = colour_ramp(values, [(0, (24, 62, 22)), (0.5, (62, 118, 44)), (1, (134, 176, 84))])
    thickness = 0.012 * height_px
    line = np.minimum(
        np.abs(y - 0.78 * height), np.abs(np.hypot(x - 0.5 * width, y - 0.78 * height) - 0.42 * height)
    )
    chalk = smoothstep(thickness, 0.6 * thickness, line) * (0.55 + 0.4 * blades)
    rgb = rgb * (1 - chalk[..., None]) + 226 * chalk[..., None]
    return Sheet(to_image(rgb), width_px, height_px)


def _with_margin(width_px: int, height_px: int) -> tuple[int, int]:
    margin = 2 * round(Sheet.MARGIN * height_px)
    return width_px + margin, height_px + margin


def _caustics(rng: np.random.Generator, width_px: int, height_px: int, strength: float) -> Scroller:
    """A net of light, (H, W) uint8, periodic in x."""
    noise = fractal_noise(rng, height_px, 2 * width_px, (5, 16), 2)
    net = 1 - np.abs(2 * noise - 1)
    return Scroller(to_image(math.sqrt(255 * strength) * smoothstep(0.55, 1.0, net)), width_px)


def _pebbles(rng: np.random.Generator, height: int, width: int) -> Field:
    """Rounded stones, 0 to 1, by the distance to the nearest of scattered points."""
    spacing = max(4, height // 22)
    rows, columns = np.mgrid[spacing // 2 : height : spacing, spacing // 2 : width : spacing]
    rows = rows + rng.uniform(-0.42, 0.42, rows.shape) * spacing
    columns = columns + rng.uniform(-0.42, 0.42, columns.shape) * spacing
    seeds = np.full((height, width), 255, np.uint8)
    seeds[rows.astype(int).clip(0, height - 1), columns.astype(int).clip(0, width - 1)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    tint = rng.uniform(0.45, 1.0, int(labels.max()) + 1)[labels]
    return np.asarray(tint * np.clip(1.15 - (distance / (0.62 * spacing)) ** 2, 0, 1), np.float32)


def _lily_pads(rng: np.random.Generator, rgb: Floats, picture_height: int) -> None:
    """Paint floating leaves along the rim, where they hide nobody."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for cx, cy in ((0.06, 0.12), (0.15, 0.04), (0.93, 0.9), (0.83, 0.97), (0.95, 0.08), (0.04, 0.93)):
        radius = picture_height * rng.uniform(0.07, 0.12)
        dx, dy = x - cx * width, y - cy * height
        distance = np.hypot(dx, dy) / radius
        angle = np.arctan2(dy, dx)
        notch = np.abs((angle - rng.uniform(-3, 3) + np.pi) % (2 * np.pi) - np.pi) < 0.22
        veins = 0.9 + 0.1 * np.cos(angle * 14)
        cover = smoothstep(1.0, 0.96, distance) * ~notch
        shadow = smoothstep(1.2, 0.9, np.hypot(dx - 0.1 * radius, dy - 0.14 * radius) / radius)
        rgb *= 1 - 0.4 * shadow[..., None]
        leaf = np.array((88, 140, 62), np.float32) * (veins * (1.12 - 0.3 * distance))[..., None]
        rgb[:] = rgb * (1 - cover[..., None]) + leaf * cover[..., None]


def _weeds(rng: np.random.Generator, rgb: Floats, picture_height: int) -> None:
    """Paint blurred water plants that grow from the ground."""
    height, width = rgb.shape[:2]
    for layer, (count, dark) in enumerate(((16, 0.75), (10, 1.0))):
        canvas = np.zeros((height, width), np.uint8)
        for _ in range(count):
            root, tall = rng.uniform(0, width), rng.uniform(0.2, 0.5) * picture_height
            sway, phase = rng.uniform(0.01, 0.03) * picture_height, rng.uniform(0, 6)
            up = np.linspace(0, 1, 24)
            xs = root + sway * np.sin(5 * up + phase) * (0.3 + up)
            ys = 0.92 * height - tall * up
            for blade in range(23):
                thick = max(1, round(0.03 * picture_height * (1 - up[blade]) ** 0.6))
                start, end = (
                    (round(xs[blade]), round(ys[blade])),
                    (round(xs[blade + 1]), round(ys[blade + 1])),
                )
                cv2.line(canvas, start, end, 255, thick, cv2.LINE_AA)
        cover = cv2.GaussianBlur(canvas, (0, 0), 2.5 - layer).astype(np.float32)[..., None] / 255 * 0.8
        rgb[:] = rgb * (1 - cover) + np.array((34, 104, 84), np.float32) * dark * cover
