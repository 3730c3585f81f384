"""When a frame of a recording is due, so that it plays at its own clock. Pure: times are arguments."""

from __future__ import annotations

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.ingest.decoder import Picture

MAX_LATE_NS = 500 * NS_PER_MS
"""Later than this, the schedule moves: a recording that fell behind goes on from where it is, unhurried."""
MAX_AHEAD_NS = 10_000 * NS_PER_MS
"""A frame due further ahead than this follows a jump of the time stamps, not a pause worth waiting for."""


class Pacer:
    """Turns media time into waiting time, for one playback; jumps in media time start it afresh."""

    def __init__(self) -> None:
        self._anchor: tuple[int, int] | None = None
        self._last_media_ns = 0

    def wait_ns(self, media_ns: int, now_ns: int) -> int:
        """How long the frame with this media time has to wait, 0 where it is due or late.

        Args:
            media_ns: presentation time of the frame, nanoseconds from any zero.
            now_ns: monotonic clock.
        """
        jumped_back = media_ns < self._last_media_ns
        self._last_media_ns = media_ns
        if self._anchor is not None and not jumped_back:
            anchor_media_ns, anchor_now_ns = self._anchor
            wait_ns = anchor_now_ns + (media_ns - anchor_media_ns) - now_ns
            if -MAX_LATE_NS <= wait_ns <= MAX_AHEAD_NS:
                return max(0, wait_ns)
        self._anchor = (media_ns, now_ns)
        return 0


class MediaTime:
    """The time of each picture of one playback, in nanoseconds of the media's own clock."""

    def __init__(self, fps: float | None) -> None:
        """`fps`: of pictures that tell no time."""
        self._frame_ns = round(NS_PER_S / fps) if fps else 0
        self._newest_ns = 0

    def of(self, picture: Picture) -> int:
        """When the next picture is shown."""
        if picture.pts is None:
            self._newest_ns += self._frame_ns
        else:
            self._newest_ns = int(picture.pts * picture.time_base * NS_PER_S)
        return self._newest_ns
