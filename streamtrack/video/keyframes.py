"""When the shared encoder makes a keyframe: at its interval, and once for all viewers that ask together."""

from __future__ import annotations

import threading

from streamtrack.clock import NS_PER_MS, NS_PER_S

MIN_SPACING_NS = 250 * NS_PER_MS
"""A keyframe is ten times a picture's bits. A viewer that asks again before the last one reached it must
not get two, and viewers that ask in turn must not turn the stream into keyframes."""


class KeyframeGate:
    """Collects requests from any thread; the encoder's thread asks before each picture."""

    def __init__(self, interval_s: float) -> None:
        self._interval_ns = int(interval_s * NS_PER_S)
        self._lock = threading.Lock()
        self._requested = False
        self._last_ns: int | None = None

    def request(self) -> None:
        """Someone cannot go on without a keyframe."""
        with self._lock:
            self._requested = True

    def requested(self, now_ns: int) -> bool:
        """Whether a request waits and may be met now; the first keyframe always is one."""
        with self._lock:
            return self._last_ns is None or (self._requested and now_ns - self._last_ns >= MIN_SPACING_NS)

    def due(self, now_ns: int) -> bool:
        """Whether the next picture shall be a keyframe, by request or by interval."""
        if self._last_ns is None or now_ns - self._last_ns >= self._interval_ns:
            return True
        return self.requested(now_ns)

    def made(self, now_ns: int) -> None:
        """A keyframe was made: every request so far is met."""
        with self._lock:
            self._requested = False
            self._last_ns = now_ns
