"""Stream time: how much time passed between tracked frames, whatever the pace at which they were tracked."""

from __future__ import annotations

from streamtrack.clock import NS_PER_S
from streamtrack.frame import Frame

LARGEST_PTS_STEP_NS = 10 * NS_PER_S
"""A longer step between two presentation times is a jump of the camera's clock, not time."""


class StreamTime:
    """Nanoseconds since the first frame, kept for the last `history_frames` frames.

    A file is tracked faster or slower than it plays: its presentation times count. Where there are none, or
    where they jump (a camera that was restarted), the monotonic clock at capture counts.
    """

    def __init__(self, history_frames: int) -> None:
        self._times_ns = [0] * history_frames
        self._num_frames = 0
        self._previous: Frame | None = None

    def advance(self, frame: Frame) -> None:
        """Take the next tracked frame into account."""
        previous, now_ns = self._previous, 0
        if previous is not None:
            now_ns = self.at(self._num_frames - 1) + _step_ns(previous, frame)
        self._times_ns[self._num_frames % len(self._times_ns)] = now_ns
        self._num_frames += 1
        self._previous = frame

    def at(self, frame_idx: int) -> int:
        """Stream time of a kept frame."""
        return self._times_ns[frame_idx % len(self._times_ns)]


def _step_ns(before: Frame, after: Frame) -> int:
    if before.pts is not None and after.pts is not None and not after.gap_before:
        step_ns = int((after.pts * after.time_base - before.pts * before.time_base) * NS_PER_S)
        if 0 < step_ns <= LARGEST_PTS_STEP_NS:
            return step_ns
    return max(0, after.capture_monotonic_ns - before.capture_monotonic_ns)
