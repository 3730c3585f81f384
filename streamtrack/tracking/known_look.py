"""How something looks on a frame, to be known again by: its features and its colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.appearance import Appearance, alike
from streamtrack.engine.follower import Follower
from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.tracking.colours import Colours, colours_alike, colours_of
from streamtrack.tracking.postprocess import crop_mask


@dataclass(frozen=True, slots=True, eq=False)
class KnownLook:
    """How something looks."""

    features: Appearance
    """The encoder's, pooled under its mask."""
    colours: Colours | None = None
    """None: nobody knows."""

    def likeness(self, other: KnownLook) -> float:
        """-1 to 1; as little as either says."""
        features = alike(self.features, other.features)
        if self.colours is None or other.colours is None:
            return features
        return min(features, colours_alike(self.colours, other.colours))


def look_at(
    follower: Follower, image: Image, key: int, logits: NDArray[np.float32], view: View | None
) -> KnownLook | None:
    """How what a mask shows on a kept key frame looks; None for an empty one.

    Args:
        image: the key frame's, (H, W, 3) RGB.
        logits: (h, w), above 0 on it, of the window or of the whole picture.
    """
    crop, box = crop_mask(logits, (image.shape[0], image.shape[1]), view)
    colours = colours_of(image, crop, box)
    return None if colours is None else KnownLook(follower.appearance_at(key, logits, view), colours)
