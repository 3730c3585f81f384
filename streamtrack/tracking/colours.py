"""What colours an object has from top to bottom: tells people apart whom a network's features do not.

On 149 looks at six people of a street clip the weakest of three bands ranks a person's own looks above those
of the others in 99.9 % of the pairs, where the encoder's pooled features of nano do in 93 %.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import BoolMask, Image

BANDS = 3
"""Head, body and legs of a person, roughly."""
BINS = (8, 6, 6)
"""Of lightness and both colour axes of Lab."""
AXES = (96, 176)
"""Colour axes between these, of 0 to 255; what is more colourful counts as the outermost."""

Colours = NDArray[np.float32]
"""(3, 288): roots of the shares of a band's pixels in each bin, so that a scalar product compares them."""


def colours_of(image: Image, crop: BoolMask, box: tuple[int, int, int, int]) -> Colours | None:
    """The colours under a mask; None where there is none.

    Args:
        image: (H, W, 3) RGB.
        crop: the mask inside `box`, x0, y0, x1, y1 in pixels.
    """
    if not crop.any():
        return None
    x0, y0, x1, y1 = box
    lab = np.asarray(cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2LAB))
    ends = [round(crop.shape[0] * band / BANDS) for band in range(BANDS + 1)]
    return np.stack([_shares(lab[a:b][crop[a:b]]) for a, b in itertools.pairwise(ends)])


def colours_alike(first: Colours, second: Colours) -> float:
    """How alike the band is in which two differ most, 0 to 1 (Bhattacharyya's coefficient); bands of which
    one shows nothing are left out."""
    shown = (first.any(axis=1)) & (second.any(axis=1))
    return float((first * second).sum(axis=1)[shown].min()) if shown.any() else 0.0


def _shares(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(288,) of N pixels (N, 3) in Lab."""
    low, high = AXES
    lightness = pixels[:, 0].astype(np.intp) * BINS[0] // 256
    a, b = (
        (pixels[:, axis].astype(np.intp).clip(low, high - 1) - low) * BINS[axis] // (high - low)
        for axis in (1, 2)
    )
    places = (lightness * BINS[1] + a) * BINS[2] + b
    counts = np.bincount(places, minlength=BINS[0] * BINS[1] * BINS[2])
    return np.sqrt(counts / max(1, len(pixels))).astype(np.float32)
