"""Where a stream's updates leave it: one order for all consumers and watchers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.consumer import Consumer
from streamtrack.control.status import PastEvent
from streamtrack.frame import Event, EventKind, Update
from streamtrack.mailbox import Mailbox
from streamtrack.pipeline.consumer_thread import Attachment, ConsumerThread
from streamtrack.pipeline.event_fan_out import EventFanOut
from streamtrack.telemetry import StreamTelemetry

logger = logging.getLogger(__name__)


class Outlet:
    """Hands updates over. Any thread may call any method."""

    def __init__(
        self,
        stream: str,
        telemetry: StreamTelemetry,
        clock: Clock,
        on_health: Callable[[ConsumerThread], None],
    ) -> None:
        self._stream = stream
        self._telemetry = telemetry
        self._clock = clock
        self._on_health = on_health
        self._events = EventFanOut(clock)
        self._lock = threading.Lock()  # over the order of updates, and over who is attached
        self._threads: tuple[ConsumerThread, ...] = ()
        self._started = False

    def attach(self, consumer: Consumer, attachment: Attachment) -> None:
        """Serve a consumer from the next update on.

        Raises:
            ValueError: one of that name is attached already.
        """
        thread = ConsumerThread(self._stream, consumer, attachment, self._telemetry, self._on_health)
        with self._lock:
            if any(known.name == thread.name for known in self._threads):
                raise ValueError(f"stream {self._stream}: a consumer {thread.name!r} is attached already")
            self._threads = (*self._threads, thread)
            if self._started:
                thread.start()

    def start(self) -> None:
        """Start every consumer's thread. Once in a lifetime."""
        with self._lock:
            self._started = True
            for thread in self._threads:
                thread.start()

    def emit(
        self,
        update: Update,
        *,
        is_wanted: Callable[[], bool],
        wait_while: Callable[[], bool] | None = None,
    ) -> None:
        """Hand an update to everyone.

        Args:
            is_wanted: asked at the last moment; an update of a run that was given up is not.
            wait_while: wait for the consumers that must miss no frame as long as this holds; None: don't.
        """
        if wait_while is not None:
            for thread in self._threads:
                if thread.attachment.every_frame:
                    thread.wait_for_room(wait_while)
        with self._lock:
            if not is_wanted():
                return
            for thread in self._threads:
                thread.put(update)
            self._events.tell(update.events)
        for event in update.events:
            self._count(event)

    def tell(self, *events: Event) -> None:
        """Hand on events that belong to no result."""
        if events:
            update = Update(self._stream, None, events=events)
            self.emit(update, is_wanted=lambda: True)

    def _count(self, event: Event) -> None:
        self._telemetry.happened(event.kind)
        if event.kind is EventKind.NOT_FINITE:
            number = event.detail.get("count", 1)
            logger.warning(
                "stream %s: the network gave no finite numbers for object %s on %s frame(s); it is kept as "
                "it was",
                *(self._stream, event.object_id, number),
            )

    def has_room(self) -> bool:
        """Whether an update would push nothing out where no frame may go missing."""
        return all(thread.has_room() for thread in self._threads if thread.attachment.every_frame)

    @property
    def failure(self) -> str | None:
        """Why a required consumer does not work; None where all do."""
        failures = (thread.failure for thread in self._threads if thread.attachment.required)
        return next((failure for failure in failures if failure is not None), None)

    def watch(self) -> AbstractContextManager[Mailbox[Event]]:
        """Every event from now on; closed when the stream stops."""
        return self._events.watch()

    def past_events(self) -> tuple[PastEvent, ...]:
        """The newest events, oldest first."""
        return self._events.past()

    def close(self) -> None:
        """Let every consumer finish what it holds; returns at once."""
        for thread in self._threads:
            thread.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for every consumer's end; False where one did not end in time."""
        deadline_ns = self._clock.monotonic_ns() + int(timeout_s * NS_PER_S)
        ended = True
        for thread in self._threads:
            left_s = max(0.0, (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S)
            ended = thread.join(left_s) and ended
        self._events.close()
        return ended
