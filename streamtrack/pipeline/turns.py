"""A lock that serves in the order of asking.

Several streams share one model. `threading.Lock` lets the thread that just released it take it again, so
that one busy camera can starve the others; here whoever waits longest is next.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A first-come-first-served mutex, for `with`. A holder always gives its turn back, also when it
    raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        # Bounded by the steps of the streams in front: each is finite and hands over in __exit__.
        turn.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # the turn passes over: _held stays True
            else:
                self._held = False
