"""What the scenes play on: a landscape that scrolls by, and sheets of water or grass that a camera drifts over.

Every texture is made once; drawing a frame only moves and mixes them. All of them take picture sizes in pixels.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image
from streamtrack.ingest.patches import blend, make_patch
from streamtrack.ingest.textures import (
    Colour,
    Field,
    colour_ramp,
    fractal_noise,
    smoothstep,
    speckle,
    to_image,
)

NOISE_TILES = 7
"""Different cuts of the sensor noise; a prime, so that it does not beat with anything else of the scene."""


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
    """A camera's grain, another cut for each frame."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int, sigma: float = 2.2) -> None:
        self._size = (height_px, width_px)
        self._tile = speckle(rng, height_px + 16 * NOISE_TILES, width_px + 16 * NOISE_TILES, sigma)

    def apply(self, image: Image, index: int) -> Image:
        """The picture with grain; a new array."""
        x, y = 16 * (index * 3 % NOISE_TILES), 16 * (index * 5 % NOISE_TILES)
        cut = self._tile[y : y + self._size[0], x : x + self._size[1]]
        return np.asarray(cv2.addWeighted(image, 1.0, cut, 1.0, -128))


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
        shift = ((camera_px * self._speeds) % self._periods).astype(np.float32)
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


class Sheet:
    """A flat ground under a camera that drifts over it."""

    MARGIN = 0.12
    """How much wider than the picture it is, on each side, in picture heights."""

    def __init__(
        self, texture: Image, width_px: int, height_px: int, caustics: Scroller | None = None
    ) -> None:
        self._texture = texture
        self._size = (width_px, height_px)
        self._margin = round(self.MARGIN * height_px)
        self._caustics = caustics

    def camera(self, t_s: float) -> tuple[float, float]:
        """Where the camera has drifted to, x and y in pixels."""
        reach = 0.9 * self._margin
        return reach * math.sin(0.23 * t_s), reach * math.sin(0.31 * t_s + 1.0)

    def render(self, t_s: float) -> Image:
        """The view at a time."""
        x, y = self.camera(t_s)
        matrix = np.array([[1, 0, self._margin + x], [0, 1, self._margin + y]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = np.asarray(cv2.warpAffine(self._texture, matrix, self._size, flags=flags))
        if self._caustics is None:
            return image
        # Two nets of light that slide over each other; only where both are bright it glitters.
        first = self._caustics.window(14 * t_s + x)
        second = self._caustics.window(997 - 11 * t_s + x)[::-1]
        light = cv2.multiply(first, second, scale=1 / 255)
        return np.asarray(cv2.add(image, cv2.merge((light, light, light))))


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
    grain = fractal_noise(rng, height, width, (12, 40), 5)
    sand = colour_ramp(grain, [(0, (120, 118, 100)), (0.6, (186, 174, 138)), (1, (214, 202, 164))])
    sand *= (0.7 + 0.25 * (down - 0.8) / 0.2)[..., None] * np.array((0.86, 0.98, 1.02), np.float32)
    rgb = rgb * (1 - sand_amount) + sand * sand_amount
    return Sheet(to_image(rgb), width_px, height_px, _caustics(rng, width_px, height_px, 36))


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
    """A range of hills as a strip with alpha: its first row in the picture, and the strip down to the ground."""
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


def _caustics(rng: np.random.Generator, width_px: int, height_px: int, strength: float) -> Scroller:
    """A net of light, (H, W) uint8, periodic in x."""
    noise = fractal_noise(rng, height_px, 2 * width_px, (5, 16), 2)
    net = 1 - np.abs(2 * noise - 1)
    return Scroller(to_image(math.sqrt(255 * strength) * smoothstep(0.55, 1.0, net)), width_px)


def _pebbles(rng: np.random.Generator, height: int, width: int) -> Field:
    """Rounded stones, 0 to 1, by the distance to the nearest of scattered points."""
    count = 900
    seeds = np.full((height, width), 255, np.uint8)
    seeds[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 5)
    spacing = math.sqrt(height * width / count)
    return np.clip(1.1 - distance / (0.62 * spacing), 0, 1).astype(np.float32)


def _lily_pads(rng: np.random.Generator, rgb: NDArray[np.float32], picture_height: int) -> None:
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


def _weeds(rng: np.random.Generator, rgb: NDArray[np.float32], picture_height: int) -> None:
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
