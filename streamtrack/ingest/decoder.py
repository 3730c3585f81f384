"""What turns a source into pictures, as an interface.

Plain values cross it, so that an implementation may live in another process: a FFmpeg that hangs or crashes
could then be killed without taking the tracker along. Today's implementations decode in the calling thread.

Three outcomes are kept apart: the end of a recording (`EndOfStream`, a value), a lost source
(`SourceLostError`), and a packet or picture that was damaged (`Skipped`, a value: the stream goes on).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from streamtrack.frame import BoolMask, Image


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the container says before the first picture."""

    width_px: int
    """As shown (pixels squared), before `max_width_px` and before a turn, which only the first picture tells;
    0 where not known yet."""
    height_px: int
    fps: float | None
    """Average frame rate; None where not known."""
    num_frames: int | None
    """Pictures in a recording, as its container counts them; None for live sources or where not known.
    Containers miscount: only where `counted` may anything be refused for it."""
    codec: str
    """FFmpeg's name of the codec, `images` for a folder, `synthetic` for a scene."""
    needs_pacing: bool
    """True where pictures can be had faster than they were taken: their own clock has to be waited for."""
    counted: bool = False
    """True where `num_frames` is known for sure: folders, scenes, pages of a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded picture, not yet stamped."""

    image: Image
    """(H, W, 3) uint8 RGB, contiguous, owned by the receiver."""
    pts: int | None
    """Presentation time in ticks of `time_base`."""
    time_base: Fraction
    """Seconds per tick."""
    ground_truth: Mapping[int, BoolMask] | None = None
    """Masks by object id where the source knows them."""
    damaged: bool = False
    """True where it is known or suspected to be smeared, or stands in for one that could not be decoded."""
    stepped_back_s: float = 0.0
    """Seconds by which the source's own times went back with this picture; `pts` goes on regardless."""
    file_name: str | None = None
    """The name of its file, in a folder of pictures."""
    packet_pts: int | None = None
    """The time that its packet carries, in ticks of `time_base`; None where there is none."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Packets or pictures that were dropped; the stream goes on."""

    reason: str
    """`corrupt`: damaged itself; `after_damage`: may be built on a damaged one; `before_keyframe`;
    with a count of 0, that no picture is due yet."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class EndOfStream:
    """A recording has no more pictures. A live source never says this."""


class Decoder(Protocol):
    """Opens, reads and closes one source; all three from one thread. After `close` it may be opened again."""

    def open(self) -> StreamInfo:
        """Connect and find the pictures.

        Raises:
            SourceLostError: it cannot be reached now.
            SourceError: it can be read and holds no pictures.
        """
        ...

    def read(self) -> Picture | Skipped | EndOfStream:
        """Wait for the next outcome, for a bounded time.

        Raises:
            SourceLostError: the source does not deliver any more.
        """
        ...

    def close(self) -> None:
        """Let go of everything; does nothing where not open."""
        ...
