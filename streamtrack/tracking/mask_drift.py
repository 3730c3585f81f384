"""One object's mask carried by optical flow from where it was last looked at, in its own region alone.

How far a mask has gone is kept for its region, from frame to frame, so that logits are looked up once,
however many frames lie between, and never blurred twice. What the flow of a whole frame says is made finer
by comparing the region with how it looked where the network looked at it: so errors do not add up.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.drift import Drift, Field
from streamtrack.engine.view import OUTSIDE_LOGIT, View
from streamtrack.model.interface import Size
from streamtrack.tracking.key_motion import Grey, Moved, make_flow

MARGIN_PX = 6
"""How far around a mask its motion is kept, in pixels of the small pictures."""
FASTEST_PX = 48
"""How far a mask may get in one frame, in the same pixels."""

LEAST_PX, MOST_PIXELS = 16, 160 * 160
"""Sides, and pixels, of regions whose motion is made finer: in smaller ones there is nothing to compare, and
of larger objects the frame's flow says enough."""

Logits = NDArray[np.float32]
Span = tuple[int, int, int, int]
"""x0, y0, x1, y1, end exclusive."""


class MaskDrift:
    """Carries masks. Keeps the buffers of its flow between calls, so each session needs its own."""

    def __init__(self) -> None:
        self._flow = make_flow(patch_px=8, stride_px=5, iterations=6)
        self._flow.setFinestScale(0)

    def carry(
        self,
        logits: Logits,
        view: View | None,
        drift: Drift | None,
        frame_size: Size,
        moved: Moved,
        looked_at: Grey,
    ) -> tuple[Logits, View | None, Drift]:
        """An object's mask as a later frame shows it; its window goes along.

        Args:
            logits: (h, w), of the frame that was looked at.
            view: the window that they are of; None: the whole picture.
            drift: from the frame before the later one to that which was looked at; None: it is that one.
            frame_size: H, W in pixels.
            moved: the later frame.
            looked_at: the frame that was looked at.
        """
        shown, (rows, columns) = view or View.whole(frame_size), moved.grey.shape
        # Pixels of the frame in one of the small pictures.
        px = np.array([frame_size[1] / columns, frame_size[0] / rows], np.float32)
        before = drift or _at_rest(logits, shown, px, (rows, columns))
        if before is None:
            return logits, view, Drift(0, 0, np.zeros((1, 1, 2), np.float32))
        now = _extended(before, moved.to_before)
        there = _look_up(logits, shown, _places(now), now, px) > 0
        if there.any():  # else it has gone, or is smaller than one of their pixels
            now = self._finer(_cropped(now, there), moved.grey, looked_at)
            there = _look_up(logits, shown, _places(now), now, px) > 0
        gone = now.to_earlier[there] if there.any() else now.to_earlier.reshape(-1, 2)
        after = shown if view is None else shown.moved(*(-gone.mean(axis=0) * px).tolist())
        return _as_seen(logits, shown, after, now, px), None if view is None else after, now

    def _finer(self, drift: Drift, grey: Grey, looked_at: Grey) -> Drift:
        """The drift, once the region was compared with how it looked on the frame that was looked at."""
        height, width = drift.to_earlier.shape[:2]
        if min(height, width) < LEAST_PX or height * width > MOST_PIXELS:
            return drift
        places = _places(drift)
        there = places + drift.to_earlier + np.array([drift.x0, drift.y0], np.float32)
        expected = cv2.remap(looked_at, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shown = grey[drift.y0 : drift.y0 + height, drift.x0 : drift.x0 + width]
        off = self._flow.calc(np.ascontiguousarray(shown), expected, None)
        earlier = cv2.remap(
            drift.to_earlier, places + off, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return Drift(drift.x0, drift.y0, np.asarray(earlier + off, np.float32))


def _at_rest(logits: Logits, shown: View, px: NDArray[np.float32], size: Size) -> Drift | None:
    """The region of a mask that has not moved yet; None for an empty one."""
    positive = logits > 0
    rows, columns = np.flatnonzero(positive.any(axis=1)), np.flatnonzero(positive.any(axis=0))
    if not rows.size:
        return None
    across, down = shown.width / logits.shape[1] / px[0], shown.height / logits.shape[0] / px[1]
    left, top = shown.x0 / px[0], shown.y0 / px[1]
    x0, y0, x1, y1 = _inside(
        (
            math.floor(left + columns[0] * across) - MARGIN_PX,
            math.floor(top + rows[0] * down) - MARGIN_PX,
            math.ceil(left + (columns[-1] + 1) * across) + MARGIN_PX,
            math.ceil(top + (rows[-1] + 1) * down) + MARGIN_PX,
        ),
        size,
    )
    return Drift(x0, y0, np.zeros((y1 - y0, x1 - x0, 2), np.float32))


def _extended(before: Drift, to_before: Field) -> Drift:
    """The drift of a frame, given that of the frame before it."""
    height, width = before.to_earlier.shape[:2]
    x0, y0 = before.x0, before.y0
    lately = np.abs(to_before[y0 : y0 + height, x0 : x0 + width]).max()
    reach = min(FASTEST_PX, math.ceil(float(lately)) + 1)
    further = x0 - reach, y0 - reach, x0 + width + reach, y0 + height + reach
    x0, y0, x1, y1 = _inside(further, to_before.shape[:2])
    flow = to_before[y0:y1, x0:x1]
    places = flow + _grid(x1 - x0, y1 - y0)
    places += np.array([x0 - before.x0, y0 - before.y0], np.float32)
    earlier = cv2.remap(before.to_earlier, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Drift(x0, y0, np.asarray(earlier + flow, np.float32))


def _cropped(drift: Drift, there: NDArray[np.bool_]) -> Drift:
    """What of a drift's region lies around where something is."""
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    top, left = max(0, int(rows[0]) - MARGIN_PX), max(0, int(columns[0]) - MARGIN_PX)
    bottom, right = int(rows[-1]) + 1 + MARGIN_PX, int(columns[-1]) + 1 + MARGIN_PX
    return Drift(drift.x0 + left, drift.y0 + top, drift.to_earlier[top:bottom, left:right])


def _places(drift: Drift) -> NDArray[np.float32]:
    """(h, w, 2) x, y of a region's pixels, counted from its corner."""
    height, width = drift.to_earlier.shape[:2]
    return _grid(width, height)


def _as_seen(logits: Logits, shown: View, after: View, drift: Drift, px: NDArray[np.float32]) -> Logits:
    """Logits of the view `shown` of the earlier frame as the view `after` shows them now, (h, w)."""
    seen = np.full(logits.shape, OUTSIDE_LOGIT, np.float32)
    height, width = logits.shape
    across, down = after.width / width / px[0], after.height / height / px[1]
    left, top = after.x0 / px[0] - drift.x0, after.y0 / px[1] - drift.y0
    # Cells whose middles lie in the region; `left + (column + 0.5) * across` is one's place from its corner.
    first, last = _within(left, across, drift.to_earlier.shape[1], width)
    upper, lower = _within(top, down, drift.to_earlier.shape[0], height)
    if first >= last or upper >= lower:
        return seen
    x = left + (np.arange(first, last, dtype=np.float32) + 0.5) * across - 0.5
    y = top + (np.arange(upper, lower, dtype=np.float32) + 0.5) * down - 0.5
    places = np.empty((lower - upper, last - first, 2), np.float32)
    places[..., 0], places[..., 1] = x, y[:, None]
    seen[upper:lower, first:last] = _look_up(logits, shown, places, drift, px, between=True)
    return seen


def _look_up(
    logits: Logits,
    shown: View,
    places: NDArray[np.float32],
    drift: Drift,
    px: NDArray[np.float32],
    *,
    between: bool = False,
) -> Logits:
    """What an earlier frame's logits say at places of a region, counted from its corner in pixels of the
    small pictures; `between`: they lie between its pixels."""
    earlier = drift.to_earlier
    if between:
        earlier = np.asarray(
            cv2.remap(earlier, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
    cells = np.array([logits.shape[1] / shown.width, logits.shape[0] / shown.height], np.float32)
    corner = np.array([drift.x0 + 0.5, drift.y0 + 0.5], np.float32)
    start = np.array([shown.x0, shown.y0], np.float32)
    # A place of the square, to pixels of the frame, to cells of the view; one step each way of an affine map.
    at = (places + earlier) * (px * cells) + ((corner * px - start) * cells - np.float32(0.5))
    looked_up = cv2.remap(
        logits, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE_LOGIT
    )
    return np.asarray(looked_up, np.float32)


def _within(start: float, step: float, length: int, number: int) -> tuple[int, int]:
    """Of so many cells, those whose middles lie in a region from 0 to a length, end exclusive."""
    return max(0, math.ceil(-start / step - 0.5)), min(number, math.floor((length - start) / step - 0.5) + 1)


def _grid(width: int, height: int) -> NDArray[np.float32]:
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    return grid


def _inside(span: Span, size: Size) -> Span:
    """The part of a span that lies in a picture of H x W: one pixel at least."""
    x0, y0 = min(max(span[0], 0), size[1] - 1), min(max(span[1], 0), size[0] - 1)
    return x0, y0, max(x0 + 1, min(span[2], size[1])), max(y0 + 1, min(span[3], size[0]))
