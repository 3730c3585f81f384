"""A detector whose answers are checked: somebody else wrote it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from streamtrack.config.shown import describe_value
from streamtrack.detect.boxes import Box
from streamtrack.detect.detector import Detection, Detector
from streamtrack.detect.foreign import told_in_one_line
from streamtrack.errors import ConfigError
from streamtrack.frame import Image

MAX_FINDS = 300
"""Of one picture, the surest; more are noise."""
EXPECTED = "expected a list of streamtrack.detect.Detection"


class CheckedDetector:
    """Gives what a detector answers in the one form that is known here."""

    def __init__(self, detector: Detector, name: str) -> None:
        """`name`: in what is refused, such as `python:package:factory`."""
        self._detector = detector
        self._name = name

    def detect(self, image: Image) -> list[Detection]:
        """What it finds in an (H, W, 3) uint8 RGB picture, inside the picture, surest first.

        Raises:
            ConfigError: it raises, or answers nonsense.
        """
        height, width = image.shape[:2]
        with told_in_one_line(f"{self._name}: detect() raised"):
            answer: object = self._detector.detect(image.copy())  # it may write into it
        if isinstance(answer, str | bytes) or not isinstance(answer, Sequence):
            raise ConfigError(f"{self._name}: detect() answered {type(answer).__name__}, {EXPECTED}")
        found = [self._read(one, width, height) for one in answer]
        inside = [one for one in found if one.box[0] < one.box[2] and one.box[1] < one.box[3]]
        return sorted(inside, key=lambda one: -one.score)[:MAX_FINDS]

    def _read(self, one: Any, width: int, height: int) -> Detection:
        parts = (one.class_name, one.score, one.box) if isinstance(one, Detection) else one
        try:
            name, score, box = parts
            x0, y0, x1, y1 = map(float, box)
            score = float(score)
        except (TypeError, ValueError):
            raise ConfigError(
                f"{self._name}: detect() answered a list with {type(one).__name__}, {EXPECTED}"
            ) from None
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{self._name}: class_name is {describe_value(name)}, expected text")
        if not 0 <= score <= 1:  # NaN as well
            raise ConfigError(f"{self._name}: the score of a {name} is {score:g}, expected 0 to 1")
        if not all(map(math.isfinite, (x0, y0, x1, y1))) or x0 > x1 or y0 > y1:
            raise ConfigError(
                f"{self._name}: the box of a {name} is ({x0:g}, {y0:g}, {x1:g}, {y1:g}), "
                "expected x0, y0, x1, y1 in pixels"
            )
        return Detection(name, score, _cut((x0, y0, x1, y1), width, height))


def _cut(box: Box, width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    return max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
