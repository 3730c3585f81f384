"""A scene of discs that move twelve pixels a picture, and where each of them is on every picture."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import cv2
import numpy as np

from streamtrack.frame import Image
from tests.support.video import picture

SIZE = (640, 360)
"""Width and height in pixels."""
STEP_PX = 12
"""A picture."""
RADIUS = 38
MARGIN_PX = 50
WAY_PX = SIZE[0] - 2 * MARGIN_PX


class Disc(NamedTuple):
    """One that goes to and fro in a lane of its own."""

    colour: tuple[int, int, int]
    y: int
    start_px: int


DISCS = {"red": Disc((200, 60, 60), 80, 0), "blue": Disc((60, 80, 210), 235, 420)}
"""Each with a darker middle, as in `tests.support.camera`: the network tells such from its ground."""


def place_of(name: str, number: int) -> tuple[float, float]:
    """x, y of a disc's middle on a picture."""
    disc = DISCS[name]
    return MARGIN_PX + abs((number * STEP_PX + disc.start_px) % (2 * WAY_PX) - WAY_PX), disc.y


def moving_scene(number: int, hidden: Collection[str] = ()) -> Image:
    """(H, W, 3) uint8 RGB: the picture's number and the discs."""
    image = np.asarray(cv2.resize(picture(number), SIZE, interpolation=cv2.INTER_NEAREST), np.uint8)
    for name, disc in DISCS.items():
        x, y = place_of(name, number)
        if name not in hidden:
            inner = tuple(round(0.6 * value) for value in disc.colour)
            cv2.circle(image, (round(x), round(y)), RADIUS, disc.colour, -1, cv2.LINE_AA)
            cv2.circle(image, (round(x), round(y)), RADIUS // 2, inner, -1, cv2.LINE_AA)
    return image
