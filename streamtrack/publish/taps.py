"""What is published, for those who come over HTTP: each stream's newest masks, and the very messages that go
over ZeroMQ. Nobody here is waited for."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Literal, TypeVar

from streamtrack.frame import Event, FrameResult
from streamtrack.mailbox import Mailbox, MailboxClosed

MASKS_HELD, EVENTS_HELD = 2, 256
"""Messages that wait for a reader: masks come again with the next frame, an event is said once."""

MessageKind = Literal["masks", "event"]
ReaderT = TypeVar("ReaderT")


@dataclass(frozen=True, slots=True, eq=False)
class NewestMasks:
    """One frame's masks as they were published."""

    stream: str
    run: int
    """Another one after a stream was removed, or begun anew with other settings."""
    version: int
    """Counts the stream's publications from 1; a corrected frame is one more."""
    result: FrameResult
    model: str


class MessageQueue:
    """Messages on their way to one reader; where it is slower, the oldest go, masks before events.

    Any thread puts; one task of one event loop takes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[tuple[MessageKind, bytes]] = deque()
        self._dropped = 0
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, kind: MessageKind, message: bytes) -> None:
        """Leave a message, without waiting."""
        with self._lock:
            if self._closed:
                return
            self._waiting.append((kind, message))
            most = MASKS_HELD if kind == "masks" else EVENTS_HELD
            alike = [place for place, (other, _) in enumerate(self._waiting) if other == kind]
            if len(alike) > most:
                del self._waiting[alike[0]]
                self._dropped += 1
        self._wake()

    async def get(self) -> tuple[bytes, int]:
        """The oldest message, and how many were dropped since the last one.

        Raises:
            MailboxClosed: the stream has ended, and everything was taken.
        """
        while True:
            with self._lock:
                self._changed.clear()
                if self._waiting:
                    dropped, self._dropped = self._dropped, 0
                    return self._waiting.popleft()[1], dropped
                if self._closed:
                    raise MailboxClosed
            await self._changed.wait()

    def close(self) -> None:
        """Let the reader take what is held, and no more."""
        with self._lock:
            self._closed = True
        self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)


class _Tap:
    """One stream's."""

    def __init__(self, run: int) -> None:
        self.run = run
        self.version = 0
        self.newest: NewestMasks | None = None
        self.queues: set[MessageQueue] = set()
        self.results: set[Mailbox[NewestMasks]] = set()
        self.events: set[Mailbox[Event]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing was published, and nobody reads."""
        return self.newest is None and not (self.queues or self.results or self.events)

    def close(self) -> None:
        """Nothing more comes."""
        for queue in self.queues:
            queue.close()
        for results in self.results:
            results.close()
        for events in self.events:
            events.close()


class Taps:
    """Every stream's readers. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taps: dict[str, _Tap] = {}
        self._runs = count()

    def told_masks(self, stream: str, result: FrameResult, model: str, message: bytes) -> None:
        """Masks were published."""
        with self._lock:
            tap = self._tap(stream)
            tap.version += 1
            tap.newest = NewestMasks(stream, tap.run, tap.version, result, model)
            for results in tap.results:
                results.put(tap.newest)
            for queue in tap.queues:
                queue.put("masks", message)

    def told_event(self, stream: str, event: Event, message: bytes) -> None:
        """An event was published."""
        with self._lock:
            tap = self._tap(stream)
            for events in tap.events:
                events.put(event)
            for queue in tap.queues:
                queue.put("event", message)

    def newest(self, stream: str) -> NewestMasks | None:
        """The newest masks of a stream; None before the first."""
        with self._lock:
            tap = self._taps.get(stream)
            return None if tap is None else tap.newest

    @contextmanager
    def messages(self, stream: str) -> Iterator[MessageQueue]:
        """Every message from now on, as it goes over ZeroMQ; on an event loop."""
        queue = MessageQueue(asyncio.get_running_loop())
        with self._among(stream, lambda tap: tap.queues, queue):
            yield queue

    @contextmanager
    def results(self, stream: str, *, from_newest: bool = False) -> Iterator[Mailbox[NewestMasks]]:
        """The newest masks from now on, one frame at most waiting; `from_newest`: what there is comes first.

        Closed when the stream ends.
        """
        mailbox: Mailbox[NewestMasks] = Mailbox(1)
        with self._among(stream, lambda tap: tap.results, mailbox):
            newest = self.newest(stream) if from_newest else None
            if newest is not None and mailbox.peek() is None:
                mailbox.put(newest)
            yield mailbox

    @contextmanager
    def events(self, stream: str) -> Iterator[Mailbox[Event]]:
        """Every event from now on; closed when the stream ends."""
        mailbox: Mailbox[Event] = Mailbox(EVENTS_HELD)
        with self._among(stream, lambda tap: tap.events, mailbox):
            yield mailbox

    def end(self, stream: str) -> None:
        """The stream ends: its readers are told, what was newest is forgotten."""
        with self._lock:
            tap = self._taps.pop(stream, None)
        if tap is not None:
            tap.close()

    @contextmanager
    def _among(self, stream: str, readers: Callable[[_Tap], set[ReaderT]], reader: ReaderT) -> Iterator[None]:
        with self._lock:
            tap = self._tap(stream)
            readers(tap).add(reader)
        try:
            yield
        finally:
            with self._lock:
                readers(tap).discard(reader)
                if tap.is_idle and self._taps.get(stream) is tap:
                    del self._taps[stream]  # of a stream that ended before it was read

    def _tap(self, stream: str) -> _Tap:
        """The lock is held."""
        if stream not in self._taps:
            self._taps[stream] = _Tap(next(self._runs))
        return self._taps[stream]
