"""Masks as polygons, for formats that have no other."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import ObjectMask

Points = NDArray[np.float64]
"""(n, 2) x, y in pixels."""
INSIDE_PX = 0.25
"""How far inside a pixel its point lies: some readers round to whole pixels, others cut, and both come back
to this one."""

SMOOTHING_PX = 0.8
"""How far the line may leave the pixels: a third of the points, and no stairs."""


def outline(item: ObjectMask) -> Points:
    """One closed line around a mask, through its edge's pixels: filled as OpenCV fills polygons it is the
    mask without its holes, its edge within SMOOTHING_PX. Parts are joined by lines there and back, which
    take up nothing; (0, 2) where the mask is empty."""
    parts, _ = cv2.findContours(item.crop.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    offset = np.array(item.box[:2]) + INSIDE_PX
    smooth = (cv2.approxPolyDP(part, SMOOTHING_PX, True) for part in parts)
    outlines = sorted((part[:, 0].astype(np.float64) + offset for part in smooth), key=len, reverse=True)
    if not outlines:
        return np.zeros((0, 2))
    joined = outlines[0]
    for part in outlines[1:]:
        joined = _join(joined, part)
    # Three points are a polygon's fewest; a part of one or two pixels repeats some.
    return joined if len(joined) >= 3 else np.resize(joined, (3, 2))


def _join(first: Points, second: Points) -> Points:
    """One line that goes round the first, over to the second at its nearest point, round that, and back."""
    distances = ((first[:, None] - second[None]) ** 2).sum(axis=2)
    at, to = np.unravel_index(int(distances.argmin()), distances.shape)
    around = np.concatenate([np.roll(second, -int(to), axis=0), second[to : to + 1]])
    return np.concatenate([first[: at + 1], around, first[at:]])
