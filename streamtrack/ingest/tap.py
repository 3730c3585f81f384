"""Beside the pictures: a source's own packets, and each frame that it delivers, for whoever keeps them.

What a tap does, happens in the thread that reads the source: it takes what it is given and returns at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from streamtrack.frame import Frame


@dataclass(frozen=True, slots=True)
class CodedStream:
    """What a source's packets are."""

    codec: str
    """FFmpeg's name of the codec, such as h264, hevc or av1; not of the decoder that is in use."""
    time_base: Fraction
    """Seconds per tick of the packets' times."""
    parameters: bytes
    """What a decoder needs before the first packet (extradata); may be empty."""
    stream: Any
    """PyAV's own stream: to be read in the thread of the source only, and not to be kept."""
    timed: bool = True
    """Whether the container knows when each picture is shown, and not only when it is decoded."""


class SourceTap(Protocol):
    """Whoever wants to know."""

    def opened(self) -> None:
        """The source is about to be opened, for the first time or again: what came before has ended."""
        ...

    def coded(self, stream: CodedStream) -> None:
        """It delivers packets of this kind from now on."""
        ...

    def ended(self) -> None:
        """Nothing comes any more, unless it is opened again."""
        ...

    def packet(self, packet: Any, *, is_keyframe: bool) -> None:
        """One whole picture as PyAV's packet, before it is decoded; nobody writes into it."""
        ...

    def frame(self, frame: Frame) -> None:
        """One picture, decoded and stamped."""
        ...


class Taps:
    """Those of one source. Added before it starts; told in its thread."""

    def __init__(self) -> None:
        self._taps: tuple[SourceTap, ...] = ()

    def add(self, tap: SourceTap) -> None:
        """Tell `tap` from now on."""
        self._taps = (*self._taps, tap)

    def opened(self) -> None:
        """See `SourceTap`, as the others."""
        for tap in self._taps:
            tap.opened()

    def coded(self, stream: CodedStream) -> None:
        """A container is open."""
        for tap in self._taps:
            tap.coded(stream)

    def ended(self) -> None:
        """The source is closed for good."""
        for tap in self._taps:
            tap.ended()

    def packet(self, packet: Any, *, is_keyframe: bool) -> None:
        """A packet is whole."""
        for tap in self._taps:
            tap.packet(packet, is_keyframe=is_keyframe)

    def frame(self, frame: Frame) -> None:
        """A frame is stamped."""
        for tap in self._taps:
            tap.frame(frame)


NO_TAPS = Taps()
"""For whoever reads a source by itself; nothing is ever added."""
