"""Outlines: one solid piece of what two masks agree on, drawn to the picture's edges."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image

BoolMask = npt.NDArray[np.bool_]

WORK_SIDE_PX = 150
"""GrabCut works on a window scaled to this; its time grows faster than the area."""
BAND_SHARE = 0.08
"""Half width of the band in which the outline may move, as a share of the object's size."""
MIN_SAME = 0.8
"""IoU with the mask as it was, below which the moved outline is not believed."""
MIN_MAIN_PIECE = 0.85
"""Share of the largest piece in a mask that counts as one object."""


def clean_mask(core: BoolMask, whole: BoolMask) -> BoolMask | None:
    """The smoothed middle between what two masks share and cover; None where it falls into pieces."""
    average = cv2.GaussianBlur((core.astype(np.float32) + whole) / 2, (5, 5), 0)
    count, numbered, stats, _ = cv2.connectedComponentsWithStats((average > 0.5).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < MIN_MAIN_PIECE * areas.sum():
        return None
    return np.asarray(numbered == 1 + int(areas.argmax()))


def to_edges(picture: Image, mask: BoolMask) -> BoolMask:
    """Move a mask's outline to the picture's edges nearby, by GrabCut in a narrow band about it.

    Where the result differs too much the mask is returned as it was.
    """
    height, width = mask.shape
    x, y, box_width, box_height = cv2.boundingRect(mask.astype(np.uint8))
    margin = int(0.25 * max(box_width, box_height)) + 4
    rows = slice(max(0, y - margin), min(height, y + box_height + margin))
    columns = slice(max(0, x - margin), min(width, x + box_width + margin))
    window = mask[rows, columns].astype(np.uint8)
    scale = min(1.0, WORK_SIDE_PX / max(window.shape))
    size = (max(8, round(window.shape[1] * scale)), max(8, round(window.shape[0] * scale)))
    small = cv2.resize(window * 255, size, interpolation=cv2.INTER_AREA) > 127
    if not small.any() or small.all():
        return mask
    reach = max(2.0, BAND_SHARE * float(np.sqrt(small.sum())))
    inside = cv2.distanceTransform(small.astype(np.uint8), cv2.DIST_L2, 3)
    outside = cv2.distanceTransform((~small).astype(np.uint8), cv2.DIST_L2, 3)
    state = np.where(small, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[inside > reach], state[outside > reach] = cv2.GC_FGD, cv2.GC_BGD
    if not (state == cv2.GC_FGD).any() or not (state == cv2.GC_BGD).any():
        return mask
    bgr = cv2.resize(np.ascontiguousarray(picture[rows, columns, ::-1]), size, interpolation=cv2.INTER_AREA)
    cv2.grabCut(bgr, state, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    moved = ((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)).astype(np.uint8)
    moved = cv2.medianBlur(moved, 3)
    same = (moved.astype(bool) & small).sum() / max(1, (moved.astype(bool) | small).sum())
    if same < MIN_SAME:
        return mask
    full = np.zeros(mask.shape, np.bool_)
    back = cv2.resize(
        moved.astype(np.float32), (window.shape[1], window.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    full[rows, columns] = back > 0.5
    return full
