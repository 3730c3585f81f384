"""Small holes filled and small sprinkles dropped in mask logits, as SAM 2's clean-up does it.

Source: `fill_holes_in_mask_scores` of sam2.utils.misc and `postprocess_masks` of sam2.utils.transforms.
Areas are connected components in pixels of the low-res mask; corners connect.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import BoolMask

HOLE_LOGIT = 0.1
"""What sam2's video predictor fills holes with: just on the object."""
SPRINKLE_LOGIT = -10.0
"""What its image predictor leaves of a sprinkle."""


def clean_logits(
    logits: NDArray[np.float32], max_hole_area: int, max_sprinkle_area: int
) -> NDArray[np.float32]:
    """(h, w) mask logits without small holes and sprinkles; a copy where anything changed.

    Both are looked for in the mask as it is given, so that filling a hole makes no sprinkle larger.

    Args:
        max_hole_area: areas of background of so many pixels at most are filled; 0: none.
        max_sprinkle_area: areas of the object of so many pixels at most are dropped; 0: none.
    """
    if max_hole_area < 1 and max_sprinkle_area < 1:
        return logits
    mask: BoolMask = logits > 0
    holes, sprinkles = find_small(~mask, max_hole_area), find_small(mask, max_sprinkle_area)
    cleaned = np.where(holes, np.float32(HOLE_LOGIT), logits)
    return np.asarray(np.where(sprinkles, np.float32(SPRINKLE_LOGIT), cleaned), np.float32)


def find_small(mask: BoolMask, max_area: int) -> BoolMask:
    """(H, W) bool: the connected areas of a mask of at most `max_area` pixels; corners connect."""
    if max_area < 1:
        return np.zeros_like(mask)
    number, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] <= max_area
    small[0] = False  # label 0 is what the mask leaves out
    found: BoolMask = small[labels] if number > 1 else np.zeros_like(mask)
    return found


def find_holes(mask: BoolMask, max_area: int) -> BoolMask:
    """(H, W) bool: the areas of background of at most `max_area` pixels."""
    return find_small(~mask, max_area)
