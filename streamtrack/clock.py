"""Time as a value that a test can fake.

Two clocks that are never mixed: the monotonic clock measures durations, the wall clock names moments to
other machines.
"""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


@runtime_checkable
class Clock(Protocol):
    """Where a stage gets its time from."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only ever rise; the zero is arbitrary."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self, monotonic_ns: int = 0, wall_ns: int = 1_700_000_000 * NS_PER_S) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def advance_ms(self, ms: float) -> None:
        """Move both clocks forward."""
        self._monotonic_ns += int(ms * NS_PER_MS)
        self._wall_ns += int(ms * NS_PER_MS)


SYSTEM_CLOCK = SystemClock()
