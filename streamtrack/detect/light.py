"""How a camera's light differs from what is known of the scene: by exposure, white balance, the hour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image

EVERY = 8
"""Pixels across and down of which one is compared: an exposure is one for all of them."""
ROUNDS = 3
LEAST_RESIDUAL, MOST_RESIDUAL = 2.0, 2.5
"""Levels by which a pixel that did not change differs at least, and times the median at most."""
STEADY = 25.0
"""Levels squared: a scene of less contrast than that says of contrast nothing."""
MOST_CONTRAST = 2.0
SAME, SAME_SHARE = 1.0, 0.25
"""Levels by which a pixel differs that shows the background as it is, and the share of such from which on the
light is the same: another light leaves few, a lorry that fills most of the picture leaves the rest."""
FOLLOWED = 0.9
"""Share of a difference that is taken away: the rest becomes the background's, look by look."""


def as_lit(image: Image, background: Image) -> Image:
    """An (H, W, 3) picture in a background's light: each channel by the line that brings most of its pixels
    nearest to it. As it is where much of it shows the background already."""
    table = np.empty((256, 1, 3), np.uint8)
    levels = np.arange(256, dtype=np.float32)
    for channel in range(3):
        shown, known = (
            one[::EVERY, ::EVERY, channel].astype(np.float32).ravel() for one in (image, background)
        )
        contrast, offset = _line(shown, known)
        lit = levels + FOLLOWED * (contrast * levels + offset - levels)
        table[:, 0, channel] = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _line(shown: NDArray[np.float32], known: NDArray[np.float32]) -> tuple[float, float]:
    """Contrast and offset by which most of what is shown is what is known; what moves, the minority, is left
    out round by round."""
    if np.mean(np.abs(known - shown) <= SAME) >= SAME_SHARE:
        return 1.0, 0.0
    contrast, offset = 1.0, float(np.median(known - shown))
    for _ in range(ROUNDS):
        residual = np.abs(known - contrast * shown - offset)
        same = residual <= max(LEAST_RESIDUAL, MOST_RESIDUAL * float(np.median(residual)))
        x, y = shown[same], known[same]
        spread = float(np.var(x)) + STEADY
        contrast = (float(np.mean((x - x.mean()) * (y - y.mean()))) + STEADY) / spread
        contrast = min(MOST_CONTRAST, max(1 / MOST_CONTRAST, contrast))
        offset = float(y.mean()) - contrast * float(x.mean())
    return contrast, offset
