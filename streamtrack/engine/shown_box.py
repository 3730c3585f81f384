"""Where a mask lies."""

from __future__ import annotations

import cv2
import numpy as np

from streamtrack.frame import BoolMask


def shown_box(mask: BoolMask) -> tuple[int, int, int, int]:
    """x0, y0, width and height of what a mask, whole or a part of one, shows; zeros where that is nothing."""
    if not mask.size:
        return 0, 0, 0, 0
    x0, y0, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return x0, y0, width, height
