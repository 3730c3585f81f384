"""A lock that serves in the order of asking, and does not wait for a holder that hangs.

Several streams share one model. `threading.Lock` lets the thread that just released it take it again, so
that one busy camera can starve the others; here whoever waits longest is next. A step that hangs would stop
every stream: after its patience it is passed over, and goes on beside the others once it moves again (steps
of different sessions share weights and nothing else).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock

POLL_S = 0.05
"""How often whoever waits looks whether the holder hangs."""


class _Turn:
    """One asking."""

    def __init__(self, patience_s: float) -> None:
        self.patience_ns = int(patience_s * NS_PER_S)
        self.since_ns = 0
        self.given = threading.Event()


class Turns:
    """A first-come-first-served mutex whose holder may be passed over."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._holder: _Turn | None = None
        self._waiting: deque[_Turn] = deque()

    @property
    def num_waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[None]:
        """Hold the turn while the context lasts; given back also where it raises.

        Args:
            patience_s: how long the others wait for the end before they go on without it.
        """
        mine = self._ask(patience_s)
        try:
            yield
        finally:
            self._give_back(mine)

    def _ask(self, patience_s: float) -> _Turn:
        mine = _Turn(patience_s)
        with self._lock:
            if self._holder is None:
                self._begin(mine)
                return mine
            self._waiting.append(mine)
        # Bounded by the patience of each turn in front.
        while not mine.given.wait(POLL_S):
            self._pass_over_a_holder_that_hangs()
        return mine

    def _pass_over_a_holder_that_hangs(self) -> None:
        with self._lock:
            holder = self._holder
            if holder is None or not self._waiting:
                return
            if self._clock.monotonic_ns() - holder.since_ns > holder.patience_ns:
                self._begin(self._waiting.popleft())

    def _begin(self, turn: _Turn) -> None:
        """The lock is held."""
        self._holder = turn
        turn.since_ns = self._clock.monotonic_ns()
        turn.given.set()

    def _give_back(self, turn: _Turn) -> None:
        with self._lock:
            if self._holder is not turn:
                return  # it was passed over: somebody else holds the turn
            self._holder = None
            if self._waiting:
                self._begin(self._waiting.popleft())
