"""Frames' times as a video file's: from 0, rising, never farther apart than the container can hold."""

from __future__ import annotations

from fractions import Fraction

from streamtrack.frame import Frame


class VideoClock:
    """Frames' times in an MP4's ticks: from 0, rising, no gap longer than the container can hold."""

    def __init__(self, first: Frame, time_base: Fraction, longest_gap: int) -> None:
        self.time_base = time_base
        self.num_shortened = 0
        self._longest_gap = longest_gap
        self._offset = -self._ticks(first, 0)
        self._last = -1

    def next_pts(self, frame: Frame) -> int:
        """The next picture's time."""
        # A broken source may repeat a time; an MP4 may not.
        pts = max(self._ticks(frame, self._last + 1 - self._offset) + self._offset, self._last + 1)
        if self._last >= 0 and pts - self._last > self._longest_gap:
            self.num_shortened += 1
            self._offset -= pts - self._last - self._longest_gap
            pts = self._last + self._longest_gap
        self._last = pts
        return pts

    def _ticks(self, frame: Frame, unknown: int) -> int:
        return unknown if frame.pts is None else round(frame.pts * frame.time_base / self.time_base)
