"""Where an object was when a find last agreed with it, and how it moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from streamtrack.clock import NS_PER_S
from streamtrack.detect.boxes import Box
from streamtrack.detect.detector import Detection

SMOOTHING = 0.5
"""Share of the newest step in the speed."""
LONGEST_STRIDE_S = 1.0
"""A speed says nothing of where something is so long after."""


@dataclass(slots=True)
class LastWell:
    """Changes with each find that agrees."""

    class_name: str
    box: Box
    frame_idx: int
    seen_ns: int
    speed: tuple[float, float] = (0.0, 0.0)
    """Pixels a second."""
    times: int = 1
    """How often a find agreed."""

    @classmethod
    def of(cls, find: Detection, frame_idx: int, now_ns: int) -> LastWell:
        """Of an object's first find."""
        return cls(find.class_name, find.box, frame_idx, now_ns)

    @property
    def length(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1], 1.0)

    def note(self, find: Detection, frame_idx: int, now_ns: int) -> None:
        """A find agreed again."""
        seconds = (now_ns - self.seen_ns) / NS_PER_S
        if seconds > 0:
            before, now = centre_of(self.box), centre_of(find.box)
            steps = [(after - ago) / seconds for ago, after in zip(before, now, strict=True)]
            vx, vy = (
                (1 - SMOOTHING) * v + SMOOTHING * step for v, step in zip(self.speed, steps, strict=True)
            )
            self.speed = vx, vy
        self.box, self.frame_idx, self.seen_ns = find.box, frame_idx, now_ns
        self.times += 1

    def move_to(self, find: Detection, frame_idx: int, now_ns: int) -> None:
        """It was mended: where it was before says nothing of how it moves."""
        self.box, self.frame_idx, self.seen_ns, self.speed = find.box, frame_idx, now_ns, (0.0, 0.0)

    def off(self, find: Detection, now_ns: int) -> float:
        """Lengths of its longer side from where it is expected to a find."""
        return distance(self.expected(now_ns), find.box) / self.length

    def far(self, find: Detection, now_ns: int, reach: float, longest_s: float | None = None) -> float:
        """The same by how far it reaches, so many lengths at once and as many again for each second, for so
        long (None: for ever)."""
        seconds = (now_ns - self.seen_ns) / NS_PER_S
        seconds = seconds if longest_s is None else min(seconds, longest_s)
        return self.off(find, now_ns) / (reach * (1 + seconds))

    def expected(self, now_ns: int) -> tuple[float, float]:
        """x, y in pixels where its centre is expected."""
        seconds = min(LONGEST_STRIDE_S, max(0.0, (now_ns - self.seen_ns) / NS_PER_S))
        x, y = centre_of(self.box)
        return x + self.speed[0] * seconds, y + self.speed[1] * seconds


def centre_of(box: Box) -> tuple[float, float]:
    """x, y of a box's centre."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def area_of(box: Box) -> float:
    """Pixels in a box."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def distance(point: tuple[float, float], box: Box) -> float:
    """Pixels from a point to a box's centre."""
    x, y = centre_of(box)
    return math.hypot(x - point[0], y - point[1])


def size_ratio(before: Box, after: Box) -> float:
    """Area of the second by that of the first; NaN for an empty one."""
    return area_of(after) / area_of(before) if area_of(before) > 0 else math.nan
