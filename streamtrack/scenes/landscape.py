"""A landscape that scrolls by: sky, mountains, hills, meadow, road.

Every texture is made once; drawing a frame only moves and mixes them. Sizes are in pixels of the picture.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image
from streamtrack.scenes.patches import blend, make_patch
from streamtrack.scenes.textures import Colour, Scroller, colour_ramp, fractal_noise, smoothstep, to_image


class Landscape:
    """Sky, mountains, hills, meadow and a road, each passing at the speed of its distance."""

    ROAD = (0.775, 0.905)
    """Top and bottom of the road in heights of the picture."""
    GROUND = 0.55
    """Where the ground begins."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._width, self._height = width_px, height_px
        self._top = round(self.GROUND * height_px)
        self._sky = Scroller(_sky(rng, round(0.6 * height_px), 2 * width_px), width_px)
        self._ridges = []
        for base, amplitude, colours, speed in (
            (0.4, 0.13, ((128, 146, 178), (154, 172, 196)), 0.10),
            (0.475, 0.10, ((98, 126, 138), (126, 152, 150)), 0.19),
            (0.535, 0.075, ((56, 92, 62), (96, 130, 74)), 0.30),
        ):
            y0, strip = _ridge(rng, base, amplitude, colours, height_px, 3 * width_px)
            self._ridges.append((y0, Scroller(strip, width_px), speed))
        self._make_ground(rng)

    def speed_at(self, y_px: float) -> float:
        """How fast the ground passes there, in pixels for each pixel that the camera travels."""
        depth = (y_px - self._top) / (self._height - self._top)
        return 0.4 + 0.75 * depth

    def render(self, camera_px: float) -> Image:
        """The view after the camera travelled so far to the right."""
        image = np.empty((self._height, self._width, 3), np.uint8)
        sky = self._sky.window(0.04 * camera_px)
        image[: sky.shape[0]] = sky
        for y0, strip, speed in self._ridges:
            window = strip.window(speed * camera_px)
            blend(image[y0 : y0 + window.shape[0]], window)
        # The rows' common centre is the middle of the picture: there the eye looks straight ahead.
        shift = ((camera_px * self._speeds - self._width / 2) % self._periods).astype(np.float32)
        columns = self._columns + shift[:, None]
        image[self._top :] = cv2.remap(self._ground, columns, self._rows, cv2.INTER_LINEAR)
        return image

    def _make_ground(self, rng: np.random.Generator) -> None:
        """Each row is stored as it is projected, so that a frame only shifts it by its own speed."""
        rows, width = self._height - self._top, self._width
        world = _ground(rng, self._height, self._top, 3 * width, self.ROAD)
        self._speeds = np.array([self.speed_at(self._top + row) for row in range(rows)])
        self._periods = np.round(3 * width * self._speeds)
        ground = np.empty((rows, int(self._periods.max()) + width + 2, 3), np.uint8)
        for row in range(rows):
            period = int(self._periods[row])
            line = cv2.resize(world[row : row + 1], (period, 1), interpolation=cv2.INTER_AREA)
            ground[row] = np.resize(line, (ground.shape[1], 3))
        self._ground = ground
        self._columns, self._rows = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(rows, dtype=np.float32)
        )


def _sky(rng: np.random.Generator, height: int, width: int) -> Image:
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    rgb = colour_ramp(down, [(0, (70, 128, 196)), (0.55, (150, 190, 222)), (0.9, (236, 220, 198))])
    puffs = fractal_noise(rng, height, width, (2.2, 6), 6)
    cover = smoothstep(0.5, 0.78, puffs * (1.05 - 0.3 * np.abs(down - 0.4)))
    shade = fractal_noise(rng, height, width, (3, 8), 4)
    cloud = colour_ramp(shade, [(0, (208, 208, 218)), (0.6, (250, 246, 240)), (1, (255, 252, 246))])
    amount = 0.88 * cover[..., None]
    return to_image(rgb * (1 - amount) + cloud * amount)


def _ridge(
    rng: np.random.Generator,
    base: float,
    amplitude: float,
    colours: tuple[Colour, Colour],
    picture_height: int,
    width: int,
) -> tuple[int, NDArray[np.uint8]]:
    """A range of hills: its first row in the picture, and from there down a strip with alpha."""
    line = fractal_noise(rng, 1, width, (1, 5), 6)[0]
    crest = (base - amplitude * line) * picture_height
    y0 = max(0, math.floor(float(crest.min())) - 2)
    height = round(Landscape.GROUND * picture_height) + 2 - y0
    y = np.arange(y0, y0 + height, dtype=np.float32)[:, None]
    alpha = np.clip(y - crest[None, :] + 0.5, 0, 1)
    texture = fractal_noise(rng, height, width, (max(3, height / 9), width / 9), 4)
    below = np.clip((y - crest[None, :]) / (0.14 * picture_height), 0, 1)
    rgb = colour_ramp(np.clip(0.75 * texture + 0.4 * below, 0, 1), [(0, colours[0]), (1, colours[1])])
    return y0, make_patch(rgb, alpha.astype(np.float32))


def _ground(
    rng: np.random.Generator, picture_height: int, top: int, width: int, road: tuple[float, float]
) -> Image:
    """Meadow, road and verge as seen from straight ahead, periodic in x: (picture_height - top, width, 3)."""
    rows = picture_height - top
    y = (np.arange(top, picture_height, dtype=np.float32) / picture_height)[:, None] * np.ones(
        (1, width), np.float32
    )
    fine = fractal_noise(rng, rows, width, (rows / 3, width / 8), 3)
    broad = fractal_noise(rng, rows, width, (6, 12), 5)
    grass = colour_ramp(
        np.clip(0.55 * broad + 0.45 * fine, 0, 1),
        [(0, (58, 92, 40)), (0.5, (112, 142, 62)), (1, (188, 188, 104))],
    )
    haze = smoothstep(0.68, Landscape.GROUND, y)[..., None] * 0.45
    grass = grass * (1 - haze) + np.array((168, 182, 150), np.float32) * haze
    asphalt = colour_ramp(0.5 * fine + 0.5 * broad, [(0, (78, 79, 84)), (1, (120, 119, 120))])
    x = np.arange(width, dtype=np.float32)[None, :]
    dash_period = width / 24
    middle = sum(road) / 2
    painted = (np.abs(y - middle) < 0.006) & (x % dash_period < 0.5 * dash_period)
    painted |= (np.abs(y - road[0] - 0.01) < 0.003) | (np.abs(y - road[1] + 0.012) < 0.004)
    asphalt = np.where(painted[..., None], 214 - 40 * fine[..., None], asphalt)
    edge = 0.004 * (broad - 0.5)
    on_road = smoothstep(road[0] - 0.003, road[0] + 0.003, y + edge) * smoothstep(
        road[1] + 0.004, road[1] - 0.004, y + edge
    )
    amount = on_road[..., None]
    return to_image(grass * (1 - amount) + asphalt * amount)
