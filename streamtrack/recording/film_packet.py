"""One picture of a film, coded, as it waits and as it is written."""

from __future__ import annotations

from dataclasses import dataclass

TICKS_PER_S = 90_000
"""The clock of every film: MPEG's, which also RTP's pictures have."""

FrameKey = tuple[int, int]
"""Names a frame across threads: which opening of the source it is of, and its packet's time or its number."""


@dataclass(frozen=True, slots=True)
class FilmPacket:
    """Plain values."""

    data: bytes
    """Units behind their lengths, or AV1's."""
    pts: int
    """When it is shown, in ticks of the recorder's own clock, which never goes back."""
    dts: int
    """When it is decoded; rises with each packet."""
    is_keyframe: bool
    wall_ms: int
    """Wall clock (Unix epoch, UTC) when it came."""
