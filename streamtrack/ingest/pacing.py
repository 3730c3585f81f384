"""When a frame of a recording is due, so that it plays at its own clock. Pure: times are arguments."""

from __future__ import annotations

from streamtrack.clock import NS_PER_MS

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
