"""Where an object may be that is not to be seen: behind something, where its motion takes it, or outside.

What went out over a border of the picture is outside: for as long as it takes to go out by its own length and
come back nothing inside can be it, and then it comes in over a border. What showed inside meanwhile is a
stranger, for as long as it can be followed. Pure values, in pixels of the picture and frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from streamtrack.model.interface import Size
from streamtrack.tracking.kalman import Box, Motion

LEAST_PACE = 0.02
"""Of its length that an object goes a frame, at least, to be on its way out."""
OUT_AND_BACK = 2.0
"""Lengths that it goes outside before it can be inside again."""
LONGEST_OUT = 30
"""Frames after which anything may have happened outside, as far as the time goes,"""
LONGEST_AWAY = 150
"""and as far as the place goes."""
BORDER = 0.02
"""Of the picture's longer side: so near its border a box is cut by it."""
AT_BORDER = 1.0
"""Lengths from the border within which what comes in shows first."""
WHOLE = 0.8
"""Of its usual area that is to be seen of an object, from which on its box says where it is and goes."""
REACH, HASTE, UNKNOWN_HASTE = 2.0, 0.1, 0.5
"""How far from the way that it was going a hidden object can be: so many of its lengths, and so many more for
every frame that it was hidden, less where its pace is known."""
PART = 0.5
"""From which on the edge that is to be seen does."""
STRANGER_REACH, STRANGER_HASTE = 0.5, 0.1
"""How far from where it was expected a stranger is the same one: so many of its lengths, and for every frame
that it was not seen so many more."""
STRANGER_FRAMES = 30
"""Frames after which a stranger that is not seen any more is forgotten."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """What showed in place of an object and cannot be it."""

    motion: Motion
    unseen: int = 0
    """Frames since it was seen."""

    def is_there(self, box: Box) -> bool:
        """Whether a box, a frame later, is it."""
        expected = self.motion.predict().box
        reach = STRANGER_REACH + STRANGER_HASTE * self.unseen
        return math.dist(middle(expected), middle(box)) <= reach * length_of(expected)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of where an object may be."""

    pace: tuple[float, float] | None = None
    """x, y that it went a frame when all of it was last seen; None: nobody knows."""
    length: float = 1.0
    """Its longer side then."""
    leaving: bool = False
    """When it was last seen it was on its way out over a border."""
    away: int = 0
    """Frames for which it has been outside; 0: it is not."""
    stranger: Stranger | None = None

    def seen(self, box: Box, motion: Motion | None, frame_size: Size, *, whole: bool) -> Whereabouts:
        """Once the object was seen. `whole`: all of it, as far as anyone knows."""
        sides = _sides(box, frame_size)
        pace, length = self.pace, self.length
        if whole and motion is not None and not any(sides):
            pace, length = (motion.x.velocity, motion.y.velocity), length_of(box)
        out = (0.0,) * 4 if pace is None else (-pace[0], -pace[1], pace[0], pace[1])
        leaving = any(cut and speed >= LEAST_PACE * length for cut, speed in zip(sides, out, strict=True))
        # What is taken for the object itself is no stranger.
        same = self.stranger is not None and self.stranger.is_there(box)
        return Whereabouts(pace, length, leaving, 0, None if same else self._later(None))

    def hidden(self, stranger: Box | None) -> Whereabouts:
        """A frame on which it was not seen, and what showed in its place."""
        away = self.away + 1 if self.leaving or self.away else 0
        return replace(self, away=away, stranger=self._later(stranger))

    def refuses(self, box: Box, frame_size: Size) -> bool:
        """Whether what shows on the next frame cannot be the object."""
        if self.stranger is not None and self.stranger.is_there(box):
            return True
        if not self.away or self.away > LONGEST_AWAY:
            return False
        return self.away < self.least_away or _from_border(box, frame_size) > AT_BORDER * self.length

    @property
    def least_away(self) -> float:
        """Frames for which it stays outside at least."""
        pace = math.hypot(*(self.pace or (0.0, 0.0)))
        return min(OUT_AND_BACK * self.length / max(pace, 1e-3), LONGEST_OUT)

    def far(self, box: Box, last: Box, frames: int) -> float:
        """How far a box is from the way that the object can have gone since it was last seen, so many frames
        ago: from where it was to where its pace took it. 1 is as far as that reaches."""
        pace_x, pace_y = self.pace or (0.0, 0.0)
        (x, y), (at_x, at_y) = middle(last), middle(box)
        to_x, to_y = pace_x * frames, pace_y * frames
        along = (at_x - x) * to_x + (at_y - y) * to_y
        share = min(1.0, max(0.0, along / max(to_x * to_x + to_y * to_y, 1e-6)))
        off = math.hypot(at_x - x - share * to_x, at_y - y - share * to_y)
        haste = HASTE if self.pace is not None else UNKNOWN_HASTE
        return off / ((REACH + haste * frames) * length_of(last))

    def door(self, last: Box, frame_size: Size) -> Box | None:
        """The box at the border where it comes in again if it comes back the way that it went; None where it
        is not outside, or cannot be back yet.

        Args:
            last: the box in which it was seen last.
        """
        if self.away < max(1.0, self.least_away) or self.away > LONGEST_AWAY:
            return None
        (x, y), (height, width) = middle(last), frame_size
        reach = AT_BORDER * self.length
        return max(0.0, x - reach), max(0.0, y - reach), min(x + reach, width), min(y + reach, height)

    def _later(self, seen: Box | None) -> Stranger | None:
        before = self.stranger
        if seen is not None:
            same = before is not None and before.is_there(seen)
            motion = before.motion.predict().update(seen) if before and same else Motion.start(seen)
            return Stranger(motion)
        if before is None or before.unseen >= STRANGER_FRAMES:
            return None
        return Stranger(before.motion.predict(), before.unseen + 1)


NOWHERE = Whereabouts()
"""Where an object is of which nothing is known."""


def length_of(box: Box) -> float:
    """The longer side of a box."""
    return max(box[2] - box[0], box[3] - box[1], 1.0)


def middle(box: Box) -> tuple[float, float]:
    """x, y of a box's middle."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _sides(box: Box, frame_size: Size) -> tuple[bool, bool, bool, bool]:
    """Which sides of the picture cut a box: left, top, right, bottom."""
    height, width = frame_size
    near = BORDER * max(height, width)
    return box[0] <= near, box[1] <= near, box[2] >= width - near, box[3] >= height - near


def _from_border(box: Box, frame_size: Size) -> float:
    """How far a box is from the nearest border of the picture."""
    height, width = frame_size
    return min(box[0], box[1], width - box[2], height - box[3])
