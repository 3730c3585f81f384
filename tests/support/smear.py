"""When a picture counts as smeared beside its truth."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import Image

MEAN_LEVELS = 0.5
"""Mean difference over the picture, of 255: one macroblock of 256x144 pixels that is off by 70."""
FAR_LEVELS, FAR_SHARE = 16, 0.005
"""Or the share of pixels that differ by more than the eye forgives."""


def is_smeared(image: Image, truth: Image) -> bool:
    """Whether a picture, (H, W, 3) uint8, differs visibly from the same one decoded without damage."""
    difference = np.abs(image.astype(np.int16) - truth).mean(axis=2)
    return bool(difference.mean() > MEAN_LEVELS or (difference > FAR_LEVELS).mean() > FAR_SHARE)
