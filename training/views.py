"""What the network looks at: the whole picture, or a square window round one object that follows it.

A view is a (2, 3) map from the pixels of a clip's canvas to those of what the network is shown. Windows are
drawn as the tracker would choose them: from where the object was on the frame before, with the errors of a
mask, and larger from frame to frame while the object is hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image

FloatArray = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the canvas."""

FACTORS = (1.4, 3.5)
"""Side of a window, in longer sides of its object: the least and the most that are drawn."""
MIN_SIDE_SHARE = 0.08
"""Of a window, in sides of the canvas."""
CENTRE_ERROR, SIZE_ERROR = 0.1, 0.12
"""Deviations (one sigma) of where an object is thought to be, in its longer sides, and of its log size."""
BOX_FACTOR, BOX_SHARE = 1.5, 0.45
"""About how large the first window is round a box, and how often that is drawn for it."""
FIRST_FACTORS, FIRST_SHARE = (1.2, 6.0), 0.2
"""The same of a first window that knows nothing of the object's size, as round a click."""
LOOK_SHARE = 0.15
"""Share of clips on which one later frame shows the whole canvas, as a tracker looks for what it lost."""
STAY_SHARE = 0.4
"""Share of clips on which a window stays where it is as long as its object is well inside."""
WELL_INSIDE = 0.12
"""Distance from the window's centre, in its sides, up to which it stays."""
OUTLIERS = 0.01
"""Share of a mask on each side that does not count for where it is."""
MAX_GROWTH = 0.2
"""Logarithm of the most that a window grows from one hidden frame to the next."""


def whole_view(canvas_px: int, side_px: int) -> FloatArray:
    """The map that shows all of a square canvas."""
    scale = side_px / canvas_px
    return np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])


def compose(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """The (2, 3) map that applies `inner` first."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


@dataclass(frozen=True)
class Window:
    """A square of the canvas."""

    centre: FloatArray
    """(2,) px."""
    side: float
    """px."""

    def view(self, side_px: int) -> FloatArray:
        """The map from the canvas to this window at `side_px` squared."""
        scale = side_px / self.side
        offset = side_px / 2 - scale * self.centre
        return np.array([[scale, 0.0, offset[0]], [0.0, scale, offset[1]]])


def box_of(mask: npt.NDArray[np.bool_], scale: float = 1.0, outliers: float = OUTLIERS) -> Box | None:
    """The box round a mask but for `outliers` of it on each side, times `scale`; None where it is empty."""
    if not mask.any():
        return None
    x0, x1 = _span(mask.sum(0), outliers)
    y0, y1 = _span(mask.sum(1), outliers)
    return x0 * scale, y0 * scale, x1 * scale, y1 * scale


def _span(counts: npt.NDArray[np.int_], outliers: float) -> tuple[int, int]:
    below = np.cumsum(counts)
    first = int(np.searchsorted(below, outliers * below[-1], side="right"))
    return first, int(np.searchsorted(below, (1 - outliers) * below[-1], side="left")) + 1


def follow_boxes(boxes: Sequence[Box | None], rng: np.random.Generator, canvas_px: int) -> list[Window]:
    """A window for each frame of an object whose true boxes are given; the first must not be None."""
    factor = math.exp(rng.uniform(math.log(FACTORS[0]), math.log(FACTORS[1])))
    stays, led = rng.random() < STAY_SHARE, rng.random() < 0.5
    windows: list[Window] = []
    first = _first_factor(factor, rng)
    for t in range(len(boxes)):
        seen = boxes[max(0, t - 1)]
        if seen is None:
            grown = windows[-1].side * math.exp(rng.uniform(0, MAX_GROWTH))
            windows.append(Window(windows[-1].centre, min(grown, canvas_px)))
            continue
        window = _round(seen, factor if t else first, rng, canvas_px)
        before = boxes[t - 2] if t >= 2 else None
        if led and before is not None:
            moved = (_centre(seen) - _centre(before)) * rng.uniform(0.5, 1.0)
            window = Window(window.centre + moved, window.side)
        if stays and t > 1 and _fits(window, windows[-1]):
            window = windows[-1]
        windows.append(window)
    if len(boxes) >= 3 and rng.random() < LOOK_SHARE:
        windows[int(rng.integers(1, len(boxes)))] = Window(np.full(2, canvas_px / 2), float(canvas_px))
    return windows


def _first_factor(usual: float, rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < BOX_SHARE:
        return BOX_FACTOR
    if kind < BOX_SHARE + FIRST_SHARE:
        return math.exp(rng.uniform(math.log(FIRST_FACTORS[0]), math.log(FIRST_FACTORS[1])))
    return usual


def _round(box: Box, factor: float, rng: np.random.Generator, canvas_px: int) -> Window:
    longer = max(box[2] - box[0], box[3] - box[1])
    side = longer * factor * math.exp(rng.normal(0, SIZE_ERROR))
    side = float(np.clip(side, MIN_SIDE_SHARE * canvas_px, canvas_px))
    return Window(_centre(box) + rng.normal(0, CENTRE_ERROR * longer, 2), side)


def _centre(box: Box) -> FloatArray:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def _fits(wanted: Window, standing: Window) -> bool:
    """Whether a window that stands serves as well as the one that is wanted."""
    near = float(np.abs(wanted.centre - standing.centre).max()) < WELL_INSIDE * standing.side
    return near and 0.8 < wanted.side / standing.side < 1.25


def replicate_outside(frame: Image, ids: npt.NDArray[np.int32], view: FloatArray, canvas_px: int) -> None:
    """Give what lies outside the canvas the colours of its edge, and no object, in place."""
    side = frame.shape[0]
    (x0, y0), (x1, y1) = view[:, 2], view[:, :2] @ np.full(2, canvas_px) + view[:, 2]
    left, top = max(0, math.ceil(x0)), max(0, math.ceil(y0))
    right, bottom = min(side, math.floor(x1)), min(side, math.floor(y1))
    if (left, top, right, bottom) == (0, 0, side, side) or right <= left or bottom <= top:
        return
    inside = frame[top:bottom, left:right].copy()
    margins = (top, side - bottom, left, side - right)
    frame[:] = cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REPLICATE)
    kept = ids[top:bottom, left:right].copy()
    ids[:] = 0
    ids[top:bottom, left:right] = kept
