"""The thread of one consumer, so that none delays a step or another consumer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from streamtrack.consumer import Consumer
from streamtrack.frame import Update
from streamtrack.mailbox import MailboxClosed
from streamtrack.pipeline.supervision import why_it_failed
from streamtrack.pipeline.update_queue import UpdateQueue
from streamtrack.telemetry import StreamTelemetry

POLL_S = 0.1
"""How often a wait looks whether it is still wanted."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a consumer is served."""

    capacity: int = 2
    """Updates that wait for it; more would come late."""
    drop_reason: str | None = None
    """What masks that it was too slow for are counted as; None: nobody misses them."""
    every_frame: bool = False
    """On a source that is tracked frame by frame the tracker waits for it, so that it misses none."""
    required: bool = False
    """A stream whose required consumer fails is failed, as one that sees nothing."""


class ConsumerThread:
    """Gives updates to a consumer in order, and outlives what that raises."""

    def __init__(
        self,
        stream: str,
        consumer: Consumer,
        attachment: Attachment,
        telemetry: StreamTelemetry,
        on_health: Callable[[ConsumerThread], None],
    ) -> None:
        """`on_health` is told, from this thread, when `failure` begins and when it ends."""
        self.name = consumer.name
        self.attachment = attachment
        self.failure: str | None = None
        """Why the newest `take` failed; None where it did not."""
        self._stream = stream
        self._consumer = consumer
        self._telemetry = telemetry
        self._on_health = on_health
        self._queue = UpdateQueue(attachment.capacity)
        self._thread = threading.Thread(target=self._run, name=f"{consumer.name}-{stream}", daemon=True)

    def start(self) -> None:
        """Start. Once in a lifetime."""
        self._thread.start()

    def put(self, update: Update) -> None:
        """Hand an update over, without waiting."""
        dropped = self._queue.put(update)
        reason = self.attachment.drop_reason
        if reason is not None and dropped.results:
            self._telemetry.dropped(reason, dropped.results)
        if dropped.events:
            self._telemetry.dropped(f"{self.name}_events", dropped.events)

    def has_room(self) -> bool:
        """Whether `put` would push nothing out."""
        return self._queue.wait_for_room(0.0)

    def wait_for_room(self, is_wanted: Callable[[], bool]) -> None:
        """Wait until `put` would push nothing out, while the thread lives and it `is_wanted`."""
        while self._thread.is_alive() and is_wanted() and not self._queue.wait_for_room(POLL_S):
            pass

    def close(self) -> None:
        """Let the consumer finish what is held, then end; returns at once."""
        self._queue.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                update = self._queue.get(POLL_S)
                if update is not None:
                    self._take(update)
        except MailboxClosed:
            return
        finally:
            self._consumer.close()

    def _take(self, update: Update) -> None:
        try:
            self._consumer.take(update)
        except Exception as error:  # whatever it was: the stream and its other consumers go on
            self._failed(error)
            return
        if self.failure is not None:
            self.failure = None
            logger.info("stream %s: %s works again", self._stream, self.name)
            self._on_health(self)

    def _failed(self, error: Exception) -> None:
        self._telemetry.dropped(f"{self.name}_failed")
        is_news, self.failure = self.failure is None, f"{self.name} failed: {why_it_failed(error)}"
        if is_news:
            logger.error("stream %s: %s", self._stream, self.failure)
            logger.debug("stream %s", self._stream, exc_info=error)
            self._on_health(self)
