"""One stream's events, to everyone who watches."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streamtrack.frame import Event
from streamtrack.mailbox import Mailbox

EVENTS_HELD = 256
"""Events kept for a watcher that does not read; of more, the newest are the ones that still matter."""


class EventFanOut:
    """Hands each event to every watcher. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: set[Mailbox[Event]] = set()
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

    def tell(self, events: Sequence[Event]) -> None:
        """Leave events with every watcher, without waiting for any."""
        if not events:
            return
        with self._lock:
            for watcher in self._watchers:
                for event in events:
                    watcher.put(event)

    def close(self) -> None:
        """No event will come any more."""
        with self._lock:
            self._closed = True
            for watcher in self._watchers:
                watcher.close()
