"""What a detector gives. Anything with this `detect` can start and mend tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Detector(Protocol):
    """Finds objects on a stream's pictures, one after the other, from one thread.

    Your own, named by `detector: python:MODULE:NAME`, is what NAME() returns. It may also have `classes`, the
    names that it knows: then a config that asks for another one is refused at the start. It is given a plain
    grey picture first, to see what it answers.
    """

    def detect(self, image: Image) -> list[Detection]:
        """Find objects in an (H, W, 3) uint8 RGB picture, surest first.

        Instead of a `Detection` a tuple (class name, score 0 to 1, (x0, y0, x1, y1) in pixels) will do. What
        lies outside the picture is cut off. The picture is a copy of its own.
        """
        ...
