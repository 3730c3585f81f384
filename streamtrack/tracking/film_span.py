"""Which frames of a film are looked at, and in which order. Pure.

Frames have their numbers in the film; of those that are looked at (`start`, `end`, `stride`) each has its
position, from 0: that is what memory counts in, as if the film held no others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from streamtrack.errors import ConfigError, PromptError

UNKNOWN_END = 1 << 40
"""Positions of a film whose length nobody has counted: it is read until it ends."""

Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True, slots=True)
class FilmSpan:
    """The frames that are looked at: from `start` to `end`, every `stride`-th."""

    start: int | None = None
    """None: the film's first."""
    end: int | None = None
    """The last one; None: the film's."""
    stride: int = 1

    def __post_init__(self) -> None:
        for name, value, least in (
            ("start", self.start, 0),
            ("end", self.end, 0),
            ("stride", self.stride, 1),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ConfigError(f"{name} is {value!r}, expected an integer from {least}")
        if self.end is not None and self.end < self.first:
            raise ConfigError(f"end is {self.end}, expected start ({self.first}) or later")

    @property
    def first(self) -> int:
        """The first frame's number."""
        return self.start or 0

    def position(self, number: int) -> int:
        """Of a frame that is looked at."""
        return (number - self.first) // self.stride

    def number(self, position: int) -> int:
        """Of the frame in a position."""
        return self.first + position * self.stride

    def num_positions(self, num_frames: int | None) -> int:
        """How many frames are looked at in a film of so many; of one that nobody has counted, at most."""
        stop = UNKNOWN_END if num_frames is None else num_frames
        stop = stop if self.end is None else min(stop, self.end + 1)
        return len(range(self.first, stop, self.stride))

    def numbers(self, positions: range) -> range:
        """The frames in some positions, in their order."""
        return range(self.number(positions.start), self.number(positions.stop), positions.step * self.stride)

    def require(self, number: int, who: str) -> int:
        """The position of a frame that a prompt is for.

        Raises:
            PromptError: that frame is not looked at.
        """
        if number < self.first or (self.end is not None and number > self.end):
            last = "the end" if self.end is None else self.end
            raise PromptError(f"{who}: frame {number} is left out, expected one from {self.first} to {last}")
        if off := (number - self.first) % self.stride:
            below = number - off
            raise PromptError(
                f"{who}: stride {self.stride} from frame {self.first} leaves frame {number} out, "
                f"expected {below} or {below + self.stride}"
            )
        return self.position(number)


@dataclass(frozen=True, slots=True)
class Passes:
    """Positions in the order in which they are followed, and those that are told in the end."""

    forward: range | None
    backward: range | None
    """Descending."""

    @property
    def told(self) -> range:
        """Ascending."""
        parts = [part for part in (self.forward, self.backward) if part]
        ends = [position for part in parts for position in (part[0], part[-1])]
        return range(min(ends), max(ends) + 1) if ends else range(0)


def plan_passes(
    direction: Direction,
    prompted: Collection[int],
    num_positions: int,
    first: int | None = None,
    last: int | None = None,
) -> Passes:
    """The passes of a run, as SAM 2 has them.

    Forward begins at the earliest prompted frame, or at `first` where that is given; backward at the latest,
    or at `last`. Both are the two, each from its prompted frame.

    Args:
        prompted: positions of prompted frames.
        num_positions: how many frames are looked at.
        first, last: no frame outside of these is followed; None: any may be.
    Raises:
        ConfigError: no such direction. PromptError: nothing is prompted.
    """
    if direction not in get_args(Direction):
        raise ConfigError(f"direction is {direction!r}, expected forward, backward or both")
    if not prompted:
        raise PromptError("no object has a prompt, expected points, a box or a mask first")
    lowest = 0 if first is None else first
    highest = num_positions - 1 if last is None else min(last, num_positions - 1)
    begin, end = max(lowest, min(prompted)), min(highest, max(prompted))
    if direction == "forward" and first is not None:
        begin = lowest
    if direction == "backward" and last is not None:
        end = highest
    forward = range(begin, highest + 1) if direction != "backward" else None
    backward = range(end, lowest - 1, -1) if direction != "forward" else None
    return Passes(forward, backward)
