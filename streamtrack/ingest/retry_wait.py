"""The wait before a lost source is tried again, which any thread may cut short."""

from __future__ import annotations

import threading

from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock


class RetryWait:
    """One thread waits, others ask how long or end it."""

    def __init__(self, clock: Clock, stopping: threading.Event) -> None:
        """`stopping`: once set, nothing is waited for."""
        self._clock = clock
        self._stopping = stopping
        self._hurry = threading.Event()
        self._due_ns: int | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds left, in tenths; None where nobody waits."""
        due_ns = self._due_ns
        return None if due_ns is None else round(max(0, due_ns - self._clock.monotonic_ns()) / NS_PER_S, 1)

    def end(self) -> None:
        """End the wait, if any."""
        self._hurry.set()

    def wait(self, delay_ms: float) -> None:
        """Sit out the delay, or until it is ended."""
        self._hurry.clear()
        self._due_ns = self._clock.monotonic_ns() + round(delay_ms * NS_PER_MS)
        # Looked at after the clearing, which may have wiped out the stop's own ending.
        if not self._stopping.is_set():
            self._hurry.wait(delay_ms * NS_PER_MS / NS_PER_S)
        self._due_ns = None
