"""Masks carried between key frames by dense optical flow, on small grey pictures.

A track map says of every pixel of a later picture where it lay in an earlier one, so that pictures and
logits of the earlier one are looked up once, however many frames lie between, and never blurred twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.view import OUTSIDE_LOGIT, View
from streamtrack.frame import BoolMask, Image

SIDE_PX = 256
"""Side of the grey square on which flow is computed. Larger squares carry no better."""

Grey = NDArray[np.uint8]
"""(256, 256) uint8."""
TrackMap = NDArray[np.float32]
"""(256, 256, 2) float32 x, y in pixels of the earlier grey square."""


def to_grey(image: Image) -> Grey:
    """The picture as a grey square, aspect ratio given up."""
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


IDENTITY: Final[TrackMap] = np.stack(
    np.meshgrid(np.arange(SIDE_PX, dtype=np.float32), np.arange(SIDE_PX, dtype=np.float32)), axis=-1
)
"""A picture's map onto itself."""
IDENTITY.setflags(write=False)


class Tracer:
    """Makes track maps; keeps the buffers of the flow between calls, so each thread needs its own.

    OpenCV's DIS, medium preset: its fast one saves 3 ms a frame, and masks carried over three frames lose up
    to a point of J&F more.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def extend(self, to_first: TrackMap, before: Grey, after: Grey) -> TrackMap:
        """The map from `after` to the first picture, given that from `before`, the picture next to it."""
        flow = self._flow.calc(after, before, None)
        places = IDENTITY + flow
        shifted = cv2.remap(to_first, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shifted, np.float32)

    def trace(self, greys: Sequence[Grey]) -> TrackMap:
        """The map from the last picture of a row to its first."""
        to_first = IDENTITY
        for before, after in pairwise(greys):
            to_first = self.extend(to_first, before, after)
        return to_first


def look_up(values: NDArray[np.float32], to_first: TrackMap) -> NDArray[np.float32]:
    """What the last picture holds where the first holds (h, w) `values`; both of the same size."""
    height, width = values.shape
    scaled = cv2.resize(to_first, (width, height), interpolation=cv2.INTER_LINEAR)
    # Pixel centres of the square to those of `values`.
    centres = (scaled + 0.5) * np.array([width, height], np.float32) / SIDE_PX - 0.5
    looked_up = cv2.remap(
        values, centres.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(looked_up, np.float32)


def look_up_in(
    values: NDArray[np.float32], view: View | None, to_first: TrackMap, frame_size: tuple[int, int]
) -> tuple[NDArray[np.float32], View | None]:
    """`look_up` of values that a window of the first picture holds; the window goes along with what is above
    0 in it."""
    if view is None:
        return look_up(values, to_first), None
    whole = View.whole(frame_size)
    there = _sample(values, view, to_first, whole, (SIDE_PX, SIDE_PX), frame_size) > 0
    moved = (IDENTITY - to_first)[there]
    dx, dy = np.median(moved, axis=0) / SIDE_PX * frame_size[::-1] if len(moved) else (0.0, 0.0)
    now = view.moved(float(dx), float(dy))
    return _sample(values, view, to_first, now, values.shape, frame_size), now


def _sample(
    values: NDArray[np.float32],
    view: View,
    to_first: TrackMap,
    now: View,
    shape: Sequence[int],
    frame_size: tuple[int, int],
) -> NDArray[np.float32]:
    """Values of a window of the first picture as the window `now` of the last shows them, of a shape."""
    frame = np.array(frame_size[::-1], np.float32)
    rows, columns = (np.arange(length, dtype=np.float32) + 0.5 for length in shape)
    # Pixel centres of `now` in the last picture, in pixels of the frame.
    places = np.stack(np.meshgrid(columns * (now.width / shape[1]), rows * (now.height / shape[0])), axis=-1)
    places = (places + np.array([now.x0, now.y0], np.float32)).astype(np.float32)
    # What lies outside the picture moves as its border does.
    moved = cv2.remap(
        to_first - IDENTITY,
        places * (SIDE_PX / frame) - np.float32(0.5),
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    first = places + moved * (frame / SIDE_PX)
    cells = np.array([values.shape[1] / view.width, values.shape[0] / view.height], np.float32)
    looked_up = cv2.remap(
        values,
        (first - np.array([view.x0, view.y0], np.float32)) * cells - np.float32(0.5),
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=OUTSIDE_LOGIT,
    )
    return np.asarray(looked_up, np.float32)


def move_points(
    points: Sequence[tuple[float, float]], to_first: TrackMap, frame_size: tuple[int, int]
) -> list[tuple[float, float]]:
    """Where points of the last picture lay in the first, x, y in pixels of the frame, inside it."""
    height, width = frame_size
    moved = []
    for x, y in points:
        column, row = (min(int(at / size * SIDE_PX), SIDE_PX - 1) for at, size in ((x, width), (y, height)))
        dx, dy = (to_first[row, column] - (column, row)) / SIDE_PX
        moved.append((_inside(x + dx * width, width), _inside(y + dy * height, height)))
    return moved


def move_box(
    box: Sequence[float], to_first: TrackMap, frame_size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A box of the last picture in the first: shifted by the median of what moved inside it."""
    height, width = frame_size
    x0, y0, x1, y1 = box
    left, right = _span(x0, x1, width)
    top, bottom = _span(y0, y1, height)
    inside = (to_first - IDENTITY)[top:bottom, left:right].reshape(-1, 2)
    dx, dy = np.median(inside, axis=0) / SIDE_PX * (width, height)
    # At least a pixel stays in the frame: an empty box says nothing.
    return (
        min(float(x0 + dx), width - 1.0),
        min(float(y0 + dy), height - 1.0),
        max(float(x1 + dx), 1.0),
        max(float(y1 + dy), 1.0),
    )


def move_mask(mask: BoolMask, to_last: TrackMap) -> BoolMask:
    """A mask of the last picture in the first; `to_last` maps the first picture to the last."""
    return np.asarray(look_up(mask.astype(np.float32), to_last) > 0.5, np.bool_)


def _inside(at: float, size: int) -> float:
    return float(min(max(at, 0.0), np.nextafter(np.float32(size), np.float32(0))))


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(max(int(low / size * SIDE_PX), 0), SIDE_PX - 1)
    return first, min(max(int(np.ceil(high / size * SIDE_PX)), first + 1), SIDE_PX)
