"""From low-res mask logits to a mask at the frame's size, computed only where the object is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.shown_box import shown_box
from streamtrack.engine.view import View
from streamtrack.frame import BoolMask

Box = tuple[int, int, int, int]
EMPTY_BOX: Box = (0, 0, 0, 0)
PIECE_PX = 2**15
"""Pixels that are scaled up at once: what they take stays in the cache, and is not asked for anew."""
KEPT_TAPS = 64
"""Pairs of sizes whose bilinear taps are kept: those of a picture, and of the windows of its objects."""


def crop_mask(
    low_res_mask_logits: NDArray[np.float32], frame_size: tuple[int, int], view: View | None = None
) -> tuple[BoolMask, Box]:
    """Upscale logits to the frame, cut at 0, and crop to the object.

    The same numbers as `F.interpolate(mode="bilinear", align_corners=False) > 0` over the whole frame, at
    the price of the object's box: a pixel can be positive only next to a positive logit.

    Args:
        low_res_mask_logits: (h, w) float32.
        frame_size: H, W in pixels.
        view: the window of the frame that the logits are of; None: all of it.
    Returns:
        (y1 - y0, x1 - x0) bool and the box x0, y0, x1, y1 in pixels, x1 and y1 exclusive; empty and zeros
        for no mask.
    """
    if view is not None:
        crop, box = view.to_picture(*crop_mask(low_res_mask_logits, view.size), frame_size)
        return _tighten(crop, box[0], box[1])
    left_most, top_most, columns, rows = shown_box(low_res_mask_logits > 0)
    if rows == 0:
        return np.zeros((0, 0), np.bool_), EMPTY_BOX
    height, width = low_res_mask_logits.shape
    y0, y1 = _reach(top_most, top_most + rows - 1, height, frame_size[0])
    x0, x1 = _reach(left_most, left_most + columns - 1, width, frame_size[1])

    top, bottom, row_weight = _taps(y0, y1, height, frame_size[0])
    left, right, column_weight = _taps(x0, x1, width, frame_size[1])
    # Across first, over the few low-res rows that are read; then down.
    first_row, last_row = int(top[0]), int(bottom[-1])
    band = low_res_mask_logits[first_row : last_row + 1]
    across = _mixed(band, left, right, column_weight, axis=1)
    crop = np.empty((y1 - y0, x1 - x0), np.bool_)
    rows_at_once = max(1, PIECE_PX // (x1 - x0))
    for start in range(0, y1 - y0, rows_at_once):
        piece = slice(start, start + rows_at_once)
        above, below = top[piece] - first_row, bottom[piece] - first_row
        shown = _mixed(across, above, below, row_weight[piece, None], axis=0)
        np.greater(shown, 0, out=crop[piece])
    return _tighten(crop, x0, y0)


def _mixed(
    values: NDArray[np.float32],
    lower: NDArray[np.intp],
    upper: NDArray[np.intp],
    upper_weight: NDArray[np.float32],
    *,
    axis: int,
) -> NDArray[np.float32]:
    """Bilinear along one axis; the weights fit the result."""
    mixed = values.take(lower, axis=axis)
    mixed *= 1 - upper_weight
    above = values.take(upper, axis=axis)
    above *= upper_weight
    mixed += above
    return mixed


def picture_mask(
    low_res_mask_logits: NDArray[np.float32], frame_size: tuple[int, int], view: View | None = None
) -> BoolMask:
    """`crop_mask` as a mask of the whole frame, (H, W)."""
    mask: BoolMask = np.zeros(frame_size, np.bool_)
    crop, (x0, y0, x1, y1) = crop_mask(low_res_mask_logits, frame_size, view)
    mask[y0:y1, x0:x1] = crop
    return mask


def logits_in_box(
    low_res_mask_logits: NDArray[np.float32], frame_size: tuple[int, int], view: View | None, box: Box
) -> NDArray[np.float32]:
    """(y1 - y0, x1 - x0) mask logits of each pixel of a box of the frame, bilinear; beside the window those
    of its edge.

    Args:
        low_res_mask_logits, frame_size, view: as of `crop_mask`.
        box: x0, y0, x1, y1 in pixels of the frame, inside it.
    """
    shown = view or View.whole(frame_size)
    height, width = low_res_mask_logits.shape
    top, bottom, down = _taps_at(box[1] - shown.y0, box[3] - shown.y0, height, shown.height)
    left, right, across = _taps_at(box[0] - shown.x0, box[2] - shown.x0, width, shown.width)
    rows = low_res_mask_logits[top] * (1 - down[:, None]) + low_res_mask_logits[bottom] * down[:, None]
    return np.asarray(rows[:, left] * (1 - across) + rows[:, right] * across, np.float32)


def _taps_at(
    start: int, end: int, size: int, full_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """`_taps` of pixels of which some may lie outside."""
    pixels = np.clip(np.arange(start, end), 0, full_size - 1)
    lower, upper, weight = _taps(0, full_size, size, full_size)
    return lower[pixels], upper[pixels], weight[pixels]


def _reach(first: int, last: int, size: int, full_size: int) -> tuple[int, int]:
    """Pixels, end exclusive, that the logits from `first` to `last` can make positive."""
    scale = full_size / size
    start = max(0, int(np.floor((first - 0.5) * scale)))
    end = min(full_size, int(np.ceil((last + 1.5) * scale)) + 1)
    return start, end


def _taps(
    start: int, end: int, size: int, full_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Bilinear taps of pixels `start` to `end`: lower index, upper index, weight of the upper. Read only."""
    lower, upper, weight = _all_taps(size, full_size)
    return lower[start:end], upper[start:end], weight[start:end]


@lru_cache(KEPT_TAPS)
def _all_taps(size: int, full_size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    scale = np.float32(size / full_size)
    centres = (np.arange(full_size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    source = np.maximum(centres, np.float32(0))
    lower = source.astype(np.intp)
    upper = np.minimum(lower + 1, size - 1)
    taps = lower, upper, source - lower.astype(np.float32)
    for one in taps:
        one.flags.writeable = False
    return taps


def _tighten(crop: BoolMask, x0: int, y0: int) -> tuple[BoolMask, Box]:
    """Cut empty borders off a crop whose corner is x0, y0."""
    left, top, width, height = shown_box(crop)
    if height == 0:
        return np.zeros((0, 0), np.bool_), EMPTY_BOX
    tight = np.ascontiguousarray(crop[top : top + height, left : left + width])
    return tight, (x0 + left, y0 + top, x0 + left + width, y0 + top + height)
