"""Which picture of a film a tracked frame is: by the count of the source's openings and its packet's time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from streamtrack.frame import Frame
from streamtrack.recording.film_packet import FrameKey

RUNS_KEPT, KEYFRAMES_KEPT = 16, 256


@dataclass(frozen=True, slots=True)
class Run:
    """One opening of a source."""

    number: int
    since_ns: int
    """Monotonic."""
    by_packets: bool = False
    """Whether the clean film is the camera's own packets; else each frame is encoded."""


class FrameKeys:
    """The source's thread tells, any thread asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: deque[Run] = deque([Run(0, 0)], maxlen=RUNS_KEPT)
        self._keyframes: deque[FrameKey] = deque(maxlen=KEYFRAMES_KEPT)

    @property
    def run(self) -> Run:
        """The newest."""
        return self._runs[-1]

    def open_run(self, now_ns: int) -> None:
        """The source is opened."""
        with self._lock:
            self._runs.append(Run(self.run.number + 1, now_ns))

    def use_packets(self, by_packets: bool) -> None:
        """Whether frames of this opening are known by their packets' times."""
        with self._lock:
            newest = self._runs.pop()
            self._runs.append(Run(newest.number, newest.since_ns, by_packets))

    def note_keyframe(self, key: FrameKey) -> None:
        """A keyframe of the clean film."""
        with self._lock:
            self._keyframes.append(key)

    def key_of(self, frame: Frame) -> FrameKey | None:
        """A frame's name; None where its packet tells no time."""
        with self._lock:
            runs = [run for run in self._runs if run.since_ns <= frame.capture_monotonic_ns]
        if not runs:
            return None
        number = frame.packet_pts if runs[-1].by_packets else frame.seq
        return None if number is None else (runs[-1].number, number)

    def passed_keyframe(self, key: FrameKey) -> bool:
        """Whether the clean film had a keyframe up to this frame, since the last call that said so."""
        with self._lock:
            passed = [one for one in self._keyframes if one <= key]
            self._keyframes = deque((k for k in self._keyframes if k > key), maxlen=KEYFRAMES_KEPT)
        return bool(passed)
