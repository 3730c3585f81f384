"""Presentation times of decoded pictures: what the container says, in order and without holes. Pure."""

from __future__ import annotations

from fractions import Fraction

DECODE_STAMPS_ONLY = frozenset({"avi"})
"""Containers that hold decode times alone: what FFmpeg calls their pictures' time is a guess."""
FALLBACK_FPS = 25
"""Where neither container nor codec names a rate; FFmpeg's own default for raw streams."""
DISORDER_S = 1.0
"""Damaged pictures come out of their order by less than this; a clock that was set goes back by more."""
WRAP_BITS = 33
MPEG_TICKS = 90_000
"""MPEG's clock starts again after 2^33 ticks of 1/90000 s, every 26.5 hours."""


class PictureTimes:
    """Stamps one playback's pictures, given in the order in which they are shown.

    Times equal the container's (FFmpeg's best effort) while those rise. Where they are missing, the one
    before goes on by a picture; where they wrap, so does the count; where they go back, all after are moved.
    """

    def __init__(self, time_base: Fraction, fps: float | None, *, decode_stamps_only: bool = False) -> None:
        """`decode_stamps_only`: the container is one of `DECODE_STAMPS_ONLY`."""
        self.time_base = time_base
        frame_time = 1 / Fraction(fps or FALLBACK_FPS).limit_denominator(1_000_000)
        self._frame_ticks = max(1, round(frame_time / time_base))
        self.decode_stamps_only = decode_stamps_only
        """True where a picture's own time is not known."""
        self._num_faulty_pts = self._num_faulty_dts = 0
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._offset = 0
        self._last: int | None = None
        self.stepped_back_s = 0.0
        """By how much the container's times went back with the newest picture."""

    def stamp(self, pts: int | None, dts: int | None) -> int:
        """The presentation time of the next picture, in ticks of `time_base`; more than any before it."""
        self.stepped_back_s = 0.0
        ticks = self._best_effort(pts, dts)
        if ticks is None:
            ticks = self._following()
        else:
            ticks += self._offset
            if self._last is not None and ticks <= self._last:
                ticks = self._after_step_back(ticks, self._last)
        self._last = ticks
        return ticks

    def _best_effort(self, pts: int | None, dts: int | None) -> int | None:
        """As libavcodec's guess_correct_pts: the kind of stamp that went back less often."""
        if self.decode_stamps_only:
            return dts
        if dts is not None:
            self._num_faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._num_faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._num_faulty_pts <= self._num_faulty_dts):
            return pts
        return dts

    def _following(self) -> int:
        return 0 if self._last is None else self._last + self._frame_ticks

    def _after_step_back(self, ticks: int, last: int) -> int:
        """Put this picture behind the last one, and where the times went back by much, all that follow."""
        wrap = 1 << WRAP_BITS
        if self.time_base == Fraction(1, MPEG_TICKS) and last - ticks > wrap // 2:
            moved = ticks + wrap
            if moved > last:
                self._offset += wrap
                return moved
        stepped_back_s = float((last - ticks) * self.time_base)
        if stepped_back_s < DISORDER_S:
            return last + 1
        self.stepped_back_s = stepped_back_s
        step = last + self._frame_ticks - ticks
        self._offset += step
        return ticks + step
