"""What moves before a camera that does not move, by OpenCV's background subtraction."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.config import MotionAutoprompt
from streamtrack.detect.detector import Detection
from streamtrack.detect.light import as_lit
from streamtrack.frame import Image

CHANGED = 255
"""Of a pixel that is neither background nor (127) its shadow."""
CLASS_NAME = "moving"


class MotionDetector:
    """Learns the background from the pictures that it is given, one after the other."""

    classes = (CLASS_NAME,)

    def __init__(self, config: MotionAutoprompt) -> None:
        self._config = config
        self._size: tuple[int, int] | None = None
        self._looks = 0
        self._background = self._new_background()

    def detect(self, image: Image) -> list[Detection]:
        """What moves in an (H, W, 3) uint8 RGB picture, the most solid first. A find's score is the share of
        its box that moves. Nothing, while the background is not known or all of the picture changes."""
        config, (height, width) = self._config, image.shape[:2]
        if self._size != (height, width):
            self._size, self._looks, self._background = (height, width), 0, self._new_background()
        scale = min(1.0, config.look_width_px / width)
        small = image
        if scale < 1:
            size = round(width * scale), max(1, round(height * scale))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self._looks:
            # A camera that exposes anew, as for a white car, changes every pixel, and nothing has moved.
            small = as_lit(small, np.asarray(self._background.getBackgroundImage(), np.uint8))
        changed = self._background.apply(small) == CHANGED
        self._looks += 1
        if self._looks <= config.warm_up or changed.mean() > config.max_area:
            return []
        return self._pieces(_tidied(changed, config.opening_px, config.closing_px), scale)

    def _pieces(self, changed: NDArray[np.uint8], scale: float) -> list[Detection]:
        number, _, stats, _ = cv2.connectedComponentsWithStats(changed, connectivity=8)
        least, most = (share * changed.size for share in (self._config.min_area, self._config.max_area))
        found = []
        for x, y, width, height, area in stats[1:number].tolist():
            if least <= area <= most:
                box = x / scale, y / scale, (x + width) / scale, (y + height) / scale
                found.append(Detection(CLASS_NAME, area / (width * height), box))
        return sorted(found, key=lambda one: -one.score)

    def _new_background(self) -> cv2.BackgroundSubtractor:
        config, shadows = self._config, self._config.shadows == "drop"
        if config.method == "knn":
            threshold = 400.0 if config.threshold is None else config.threshold
            return cv2.createBackgroundSubtractorKNN(config.history, threshold, shadows)
        threshold = 16.0 if config.threshold is None else config.threshold
        return cv2.createBackgroundSubtractorMOG2(config.history, threshold, shadows)


def _tidied(changed: NDArray[np.bool_], opening_px: int, closing_px: int) -> NDArray[np.uint8]:
    """Without specks, then without gaps."""
    mask = changed.astype(np.uint8)
    for operation, size in ((cv2.MORPH_OPEN, opening_px), (cv2.MORPH_CLOSE, closing_px)):
        if size > 1:
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            mask = np.asarray(cv2.morphologyEx(mask, operation, kernel), np.uint8)
    return mask
