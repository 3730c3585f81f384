"""A bounded hand-off between threads, and from a thread to an event loop.

Why it is bounded: a live picture that waits is a picture that lies. A producer that is faster than its
consumer would fill any queue, and every frame in it would be shown late. Here the newest wins, and what it
pushes out is handed back to the producer, who counts it under a reason.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosed(Exception):
    """The mailbox was closed and holds nothing more."""


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """A mailbox at one moment."""

    held: int
    """Items that wait."""
    capacity: int
    put_total: int
    """Items ever put."""
    superseded_total: int
    """Items that a newer one pushed out."""


class Mailbox(Generic[T]):
    """Holds up to `capacity` items; `put` never waits and pushes the oldest out, `put_wait` waits for room.

    Any thread may put; one thread takes with `get`, or one task of one event loop with `get_async`.
    """

    def __init__(self, capacity: int = 1) -> None:
        if capacity < 1:
            raise ValueError(f"mailbox capacity is {capacity}, expected 1 or more")
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._woken = False
        self._put_total = 0
        self._superseded_total = 0
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def put(self, item: T) -> T | None:
        """Leave an item; returns the one it pushed out, or the item itself where the mailbox is closed."""
        with self._changed:
            if self._closed:
                return item
            superseded = self._items.popleft() if len(self._items) == self._capacity else None
            self._superseded_total += superseded is not None
            self._append(item)
        return superseded

    def put_wait(self, item: T, timeout_s: float) -> bool:
        """Leave an item once there is room; False where `timeout_s` passed or it was closed first."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity, timeout_s)
            if self._closed or len(self._items) == self._capacity:
                return False
            self._append(item)
        return True

    def get(self, timeout_s: float) -> T | None:
        """Take the oldest item; None after `timeout_s` without one, or at once after `wake`.

        Raises:
            MailboxClosed: the mailbox is closed and empty.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._items:
                if self._closed:
                    raise MailboxClosed
                if self._woken:
                    self._woken = False
                    return None
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    return None
            return self._take()

    async def get_async(self) -> T:
        """Take the oldest item, on an event loop.

        Raises:
            MailboxClosed: the mailbox is closed and empty.
        """
        loop = asyncio.get_running_loop()
        while True:
            with self._changed:
                if self._items:
                    return self._take()
                if self._closed:
                    raise MailboxClosed
                event = asyncio.Event()
                self._waiter = (loop, event)
            await event.wait()

    def peek(self) -> T | None:
        """The item that `get` would take now, left where it is; a newer one may yet push it out."""
        with self._changed:
            return self._items[0] if self._items else None

    def wake(self) -> None:
        """Let a thread that waits in `get` return None now: it has something else to do."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let the consumer finish what is held, then raise MailboxClosed."""
        with self._changed:
            self._closed = True
            self._wake()

    def reopen(self) -> None:
        """Take items again after `close`; what was held stays."""
        with self._changed:
            self._closed = False

    def statistics(self) -> MailboxStatistics:
        """Counts at this moment."""
        with self._changed:
            return MailboxStatistics(
                len(self._items), self._capacity, self._put_total, self._superseded_total
            )

    def _append(self, item: T) -> None:
        self._items.append(item)
        self._put_total += 1
        self._wake()

    def _take(self) -> T:
        item = self._items.popleft()
        self._changed.notify_all()
        return item

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._waiter is not None:
            loop, event = self._waiter
            self._waiter = None
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
