"""What a detector gives. Anything with this `detect` can start tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamtrack.detect.boxes import Box
from streamtrack.frame import Image


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found on a picture."""

    class_name: str
    """One of the detector's own, such as `person`."""
    score: float
    """How sure the detector is, 0 to 1. Only its own scores can be compared."""
    box: Box
    """Inside the picture."""


class Detector(Protocol):
    """Finds objects on one picture; knows no stream and keeps nothing."""

    def detect(self, image: Image) -> list[Detection]:
        """Find objects in an (H, W, 3) uint8 RGB picture, surest first."""
        ...
