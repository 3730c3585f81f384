"""Updates on their way to one consumer: bounded, in order, and no event lost before masks are.

Where a consumer is too slow the oldest masks go. Their events stay and are told with the next update: masks
come again with the next frame, "lost" is said once.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import NamedTuple

from streamtrack.frame import Update
from streamtrack.mailbox import MailboxClosed

EVENTS_HELD = 256
"""Events that one update carries at most; of more, the newest are the ones that still matter."""


class Dropped(NamedTuple):
    """What went to make room."""

    results: int = 0
    events: int = 0


class UpdateQueue:
    """Holds up to `capacity` updates. Any thread puts, one takes."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}, expected 1 or more")
        self._capacity = capacity
        self._updates: deque[Update] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, update: Update) -> Dropped:
        """Leave an update, without waiting; what it pushed out is dropped, but for the events."""
        with self._changed:
            if self._closed:
                return Dropped()  # the stream ends: nobody misses it
            if update.result is None and self._updates:
                return self._add_events(len(self._updates) - 1, update, in_front=False)
            dropped = Dropped()
            self._updates.append(update)
            if len(self._updates) > self._capacity:
                oldest = self._updates.popleft()
                dropped = self._add_events(0, oldest, in_front=True)
                dropped = dropped._replace(results=int(oldest.result is not None))
            self._changed.notify_all()
            return dropped

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until `put` would push nothing out; False where `timeout_s` passed first."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._closed or len(self._updates) < self._capacity, timeout_s
            )

    def get(self, timeout_s: float) -> Update | None:
        """Take the oldest update; None after `timeout_s` without one.

        Raises:
            MailboxClosed: the queue is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._updates), timeout_s)
            if self._updates:
                update = self._updates.popleft()
                self._changed.notify_all()
                return update
            if self._closed:
                raise MailboxClosed
            return None

    def close(self) -> None:
        """Let the consumer finish what is held."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add_events(self, place: int, other: Update, *, in_front: bool) -> Dropped:
        """Tell another update's events with one that is held; the lock is held."""
        held = self._updates[place]
        events = other.events + held.events if in_front else held.events + other.events
        self._updates[place] = replace(held, events=events[-EVENTS_HELD:])
        return Dropped(events=max(0, len(events) - EVENTS_HELD))
