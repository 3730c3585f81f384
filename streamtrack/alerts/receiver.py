"""What every receiver has: filters, a bounded queue, a thread of its own, and counts of what became of it."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from streamtrack.alerts.alert import Alert, is_wanted
from streamtrack.alerts.alert_queue import AlertQueue
from streamtrack.alerts.snoozes import Snoozes
from streamtrack.clock import NS_PER_MS, NS_PER_S, Clock
from streamtrack.config import ReceiverConfig
from streamtrack.telemetry import Telemetry

LOG_SPACING_NS = 10 * NS_PER_S

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """A receiver at one moment."""

    name: str
    kind: str
    """webhook, mqtt or browser."""
    waiting: int = 0
    """Events that are not delivered yet."""
    counts: dict[str, int] = field(default_factory=dict)
    """What became of the others since the start: sent, retried, snoozed, dropped_full, dropped_old,
    dropped_refused, dropped_disk."""
    trouble: str | None = None
    """Why the newest try failed, in one line without secrets; null where it did not."""


class Receiver(ABC):
    """One webhook or broker. Any thread may call the public methods; none waits for the receiver."""

    kind = "receiver"

    def __init__(
        self, name: str, config: ReceiverConfig, spool: Path | None, telemetry: Telemetry, clock: Clock
    ) -> None:
        """
        Raises:
            ConfigError: the spool cannot be used.
        """
        self.name = name
        self._filters = config
        self._telemetry = telemetry
        self._clock = clock
        self._queue = AlertQueue(config.queue_max, spool)
        self._counts: Counter[str] = Counter()
        self._trouble: str | None = None
        self._told_ns: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"alerts-{name}", daemon=True)

    def start(self) -> None:
        """Start to deliver. Once in a lifetime."""
        self._thread.start()

    def offer(self, alert: Alert, snoozes: Snoozes) -> None:
        """Leave an alert, where the filters and nobody's snooze keep it out."""
        if self._stopping.is_set() or not is_wanted(alert, self._filters):
            return
        if snoozes.silences(self.name, alert.stream, alert.rule):
            self._count("snoozed")
            return
        body = alert.to_json(thumbnails=self._filters.thumbnails)
        try:
            dropped = self._queue.put(alert.alert_id, alert.wall_ms, alert.stream, body)
        except OSError as error:
            self._drop("disk", 1, str(error))
            return
        if dropped:
            self._drop("full", dropped, f"more than {self._filters.queue_max} wait")
        self._wake()

    def status(self) -> ReceiverStatus:
        """The receiver at this moment."""
        return ReceiverStatus(self.name, self.kind, len(self._queue), dict(self._counts), self._trouble)

    def stop(self) -> None:
        """End soon; what is not delivered stays in the spool, if there is one. Returns at once."""
        self._stopping.set()
        self._wake()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._queue.close()
        return True

    @abstractmethod
    def _run(self) -> None:
        """Deliver until `_stopping` is set; in the receiver's thread."""

    @abstractmethod
    def _wake(self) -> None:
        """There is something to deliver, or to stop for."""

    def _forget_old(self) -> None:
        oldest_ms = self._clock.wall_ns() // NS_PER_MS - int(self._filters.max_age_s * 1000)
        dropped = self._queue.drop_before(oldest_ms)
        if dropped:
            self._drop("old", dropped, f"older than {self._filters.max_age_s:g} s")

    def _count(self, outcome: str, number: int = 1) -> None:
        self._counts[outcome] += number
        self._telemetry.alerted(self.name, outcome, number)

    def _drop(self, reason: str, number: int, why: str) -> None:
        self._count(f"dropped_{reason}", number)
        now_ns = self._clock.monotonic_ns()
        if self._told_ns is None or now_ns - self._told_ns >= LOG_SPACING_NS:
            self._told_ns = now_ns
            total = sum(count for what, count in self._counts.items() if what.startswith("dropped_"))
            logger.warning("alerts: %s: an event was dropped, %d in all: %s", self.name, total, why)

    def _failed(self, trouble: str) -> None:
        if self._trouble is None:
            logger.warning("alerts: %s: %s; tried again", self.name, trouble)
        self._trouble = trouble

    def _works(self) -> None:
        if self._trouble is not None:
            logger.info("alerts: %s: works again", self.name)
        self._trouble = None
