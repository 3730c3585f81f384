"""A crop that stays on one object: a stream of its own, of one size, for sports and for whoever watches one
thing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.clock import NS_PER_S
from streamtrack.config import AnnotateConfig
from streamtrack.frame import Frame, FrameResult, Image, ObjectMask
from streamtrack.video.draw import annotate
from streamtrack.video.tag_layout import TagLayout

WIDTH_PX, HEIGHT_PX = 640, 360
"""Of the picture, whatever the frame's size: an encoder and a player keep one size."""
ASPECT = WIDTH_PX / HEIGHT_PX
OBJECT_SHARE = 0.45
"""Of the crop's height or width, whichever is filled more, that the object takes."""
MIN_CROP_SHARE = 0.2
"""Of the frame's width: nearer is only coarser."""
SETTLE_S, ZOOM_SETTLE_S = 0.35, 1.1
"""Time constants of the crop's place and of its size. The size changes slowly: a limb that is stretched out
must not breathe the picture."""
MUCH_SMALLER = 0.6
"""A picture that is scaled down by so much is averaged, not sampled."""
MAX_STEP_S = 0.1
"""A camera that was away for longer does not make the crop leap further."""


class Crop(NamedTuple):
    """A part of the frame, in its pixels."""

    x: float
    """Of the middle."""
    y: float
    width: float
    """The height follows by ASPECT."""


class Spring:
    """A value that follows its goal without overshooting: critically damped."""

    def __init__(self, value: float, settle_s: float) -> None:
        self.value = value
        self._speed = 0.0
        self._rate = 2.0 / settle_s

    def follow(self, goal: float, seconds: float) -> None:
        """Move on by the exact solution for a goal that stands: stable at any step."""
        away = self.value - goal
        decay = math.exp(-self._rate * seconds)
        push = (self._speed + self._rate * away) * seconds
        self.value = goal + (away + push) * decay
        self._speed = (self._speed - self._rate * push) * decay


class Camera:
    """Where the crop is. Numbers only."""

    def __init__(self, start: Crop) -> None:
        self._x, self._y = Spring(start.x, SETTLE_S), Spring(start.y, SETTLE_S)
        self._width = Spring(start.width, ZOOM_SETTLE_S)

    @property
    def crop(self) -> Crop:
        """At this moment."""
        return Crop(self._x.value, self._y.value, self._width.value)

    def follow(self, goal: Crop, seconds: float) -> None:
        """Move on towards a goal."""
        step = min(max(0.0, seconds), MAX_STEP_S)
        for spring, value in zip((self._x, self._y, self._width), goal, strict=True):
            spring.follow(value, step)


class FollowView:
    """Draws the crop. Holds where the object is not seen: it stays where it was until it is found."""

    def __init__(self, annotate: AnnotateConfig, object_id: int) -> None:
        self._annotate = annotate
        self._object_id = object_id
        self._layout = TagLayout()
        self._camera: Camera | None = None
        self._size: tuple[int, int] | None = None
        self._drawn_ns = 0

    def draw(self, result: FrameResult) -> Image:
        """(HEIGHT_PX, WIDTH_PX, 3) uint8 RGB: the crop with its objects drawn; the whole frame until the
        object was seen once."""
        frame = result.frame
        size = (frame.width_px, frame.height_px)
        if size != self._size:
            self._size, self._camera = size, None
        found = result.objects.get(self._object_id)
        if found is not None and found.area_px:
            goal = goal_of(found, size)
            if self._camera is None:
                self._camera = Camera(goal)
            self._camera.follow(goal, (frame.capture_monotonic_ns - self._drawn_ns) / NS_PER_S)
        self._drawn_ns = frame.capture_monotonic_ns
        crop = whole(size) if self._camera is None else inside(self._camera.crop, size)
        shown = cut_out(result, crop)
        return annotate(shown, self._annotate, self._layout)


def goal_of(item: ObjectMask, size: tuple[int, int]) -> Crop:
    """The crop that an object asks for, inside a frame of a size (width, height)."""
    x0, y0, x1, y1 = item.box
    width = max((x1 - x0) / OBJECT_SHARE, (y1 - y0) / OBJECT_SHARE * ASPECT, MIN_CROP_SHARE * size[0])
    return inside(Crop((x0 + x1) / 2, (y0 + y1) / 2, width), size)


def whole(size: tuple[int, int]) -> Crop:
    """As much of a frame as the crop's shape holds."""
    return Crop(size[0] / 2, size[1] / 2, max_width(size))


def max_width(size: tuple[int, int]) -> float:
    """Of a crop that lies inside a frame."""
    return min(size[0], size[1] * ASPECT)


def inside(crop: Crop, size: tuple[int, int]) -> Crop:
    """The crop, moved and shrunk so that nothing outside of the frame is shown."""
    width = min(crop.width, max_width(size))
    across, down = width / 2, width / ASPECT / 2
    return Crop(min(max(crop.x, across), size[0] - across), min(max(crop.y, down), size[1] - down), width)


def cut_out(result: FrameResult, crop: Crop) -> FrameResult:
    """The result as a camera would have seen it that shows the crop alone, at the picture's size."""
    scale = WIDTH_PX / crop.width
    left, top = WIDTH_PX / 2 - scale * crop.x, HEIGHT_PX / 2 - scale * crop.y
    matrix = np.array([[scale, 0, left], [0, scale, top]], np.float64)
    image = _shrunk(result.frame.image, crop) if scale < MUCH_SMALLER else _warped(result.frame.image, matrix)
    frame = replace(result.frame, image=image, ground_truth=None)
    return replace(result, frame=frame, objects=_moved(result.objects, matrix, frame))


def _warped(image: Image, matrix: NDArray[np.float64]) -> Image:
    # Parts of a pixel matter: a crop that moved by whole ones would tremble.
    size = (WIDTH_PX, HEIGHT_PX)
    warped = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _shrunk(image: Image, crop: Crop) -> Image:
    # Each pixel is the mean of several: to take one of them would flicker.
    width, height = crop.width, crop.width / ASPECT
    x0, y0 = max(0, round(crop.x - width / 2)), max(0, round(crop.y - height / 2))
    part = image[y0 : y0 + round(height), x0 : x0 + round(width)]
    return np.asarray(cv2.resize(part, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _moved(
    objects: Mapping[int, ObjectMask], matrix: NDArray[np.float64], frame: Frame
) -> dict[int, ObjectMask]:
    """The objects that are in the crop, with their masks there, and those that are nowhere."""
    moved = {}
    for object_id, item in objects.items():
        if item.area_px == 0:
            moved[object_id] = item
            continue
        at = matrix.copy()
        at[:, 2] += matrix[:, :2] @ np.array(item.box[:2], np.float64)
        size = (frame.width_px, frame.height_px)
        mask = cv2.warpAffine(item.crop.view(np.uint8) * np.uint8(255), at, size, flags=cv2.INTER_LINEAR)
        shown = ObjectMask.from_mask(
            np.asarray(mask > 127, np.bool_),
            object_id,
            label=item.label,
            state=item.state,
            object_score=item.object_score,
            iou_score=item.iou_score,
        )
        if shown.area_px:
            moved[object_id] = shown
    return moved
