"""One stream's events, to everyone who watches, and the newest ones to whoever comes later."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.control.status import PastEvent
from streamtrack.frame import Event
from streamtrack.mailbox import Mailbox

EVENTS_HELD = 256
"""Events kept for a watcher that does not read, and for one that comes later; of more, the newest are the
ones that still matter."""


class EventFanOut:
    """Hands each event to every watcher. Any thread may call any method."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watchers: set[Mailbox[Event]] = set()
        self._past: deque[PastEvent] = deque(maxlen=EVENTS_HELD)
        self._told = 0
        self._closed = False

    @contextmanager
    def watch(self) -> Iterator[Mailbox[Event]]:
        """Every event from now on; closed when the stream stops."""
        mailbox: Mailbox[Event] = Mailbox(EVENTS_HELD)
        with self._lock:
            self._watchers.add(mailbox)
            if self._closed:
                mailbox.close()
        try:
            yield mailbox
        finally:
            with self._lock:
                self._watchers.discard(mailbox)

    def past(self) -> tuple[PastEvent, ...]:
        """The newest events, oldest first, at most EVENTS_HELD."""
        with self._lock:
            return tuple(self._past)

    def tell(self, events: Sequence[Event]) -> None:
        """Leave events with every watcher, without waiting for any."""
        if not events:
            return
        wall_ns = self._clock.wall_ns()
        with self._lock:
            for event in events:
                self._past.append(PastEvent.of(self._told, wall_ns, event))
                self._told += 1
                for watcher in self._watchers:
                    watcher.put(event)

    def close(self) -> None:
        """No event will come any more."""
        with self._lock:
            self._closed = True
            for watcher in self._watchers:
                watcher.close()
