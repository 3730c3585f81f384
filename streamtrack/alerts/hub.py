"""Every receiver, and what each stream gives them."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from zlib import crc32

from streamtrack.alerts.alert import Alert
from streamtrack.alerts.mqtt import MqttReceiver
from streamtrack.alerts.receiver import Receiver, ReceiverStatus
from streamtrack.alerts.snoozes import Snoozes
from streamtrack.alerts.webhook import Webhook
from streamtrack.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from streamtrack.config import AlertsConfig
from streamtrack.config.alerts import BROWSER_NAME, MQTT_NAME
from streamtrack.errors import PromptError
from streamtrack.frame import Event
from streamtrack.rules.state import RuleState
from streamtrack.telemetry import Telemetry


class AlertsHub:
    """Hands events to receivers. Any thread may call any method; none waits for a receiver."""

    def __init__(self, config: AlertsConfig, telemetry: Telemetry, clock: Clock = SYSTEM_CLOCK) -> None:
        """Check everything and open the queues; nothing is connected to yet.

        Raises:
            ConfigError: a spool, a secret or a certificate cannot be used, or MQTT's library is missing.
        """
        self.snoozes = Snoozes(clock)
        self._clock = clock
        # Names the process: its numbers begin at 0 with each.
        self._epoch = f"{clock.wall_ns() // NS_PER_MS:x}"
        self._numbers = count()
        self._lock = threading.Lock()
        self._receivers: list[Receiver] = [
            Webhook(one, _spool(config.spool, one.name), telemetry, clock) for one in config.webhooks
        ]
        self._mqtt: MqttReceiver | None = None
        if config.mqtt is not None:
            self._mqtt = MqttReceiver(config.mqtt, _spool(config.spool, MQTT_NAME), telemetry, clock)
            self._receivers.append(self._mqtt)

    def start(self) -> None:
        """Start to deliver. Once in a lifetime."""
        for receiver in self._receivers:
            receiver.start()

    def offer(self, stream: str, events: Sequence[Event]) -> None:
        """Something happened on a stream."""
        if not self._receivers:
            return
        wall_ms = self._clock.wall_ns() // NS_PER_MS
        for event in events:
            with self._lock:
                alert_id = f"{self._epoch}-{next(self._numbers)}"
            alert = Alert(alert_id, stream, wall_ms, event)
            for receiver in self._receivers:
                receiver.offer(alert, self.snoozes)

    def show_rules(self, stream: str, states: Sequence[RuleState]) -> None:
        """The counts of a stream's zones and lines changed."""
        if self._mqtt is not None:
            self._mqtt.show_rules(stream, states)

    def forget(self, stream: str) -> None:
        """A stream is no more, nor are its zones and lines."""
        if self._mqtt is not None:
            self._mqtt.forget(stream)

    def names(self) -> tuple[str, ...]:
        """What a snooze may name: every receiver, and the page's own notifications."""
        return (*(receiver.name for receiver in self._receivers), BROWSER_NAME)

    def check_name(self, name: str | None) -> None:
        """Raises:
        PromptError: no receiver is called so.
        """
        if name is not None and name not in self.names():
            raise PromptError(f"alert is {name!r}, expected one of: {', '.join(self.names())}")

    def statuses(self) -> tuple[ReceiverStatus, ...]:
        """Each receiver at this moment; the browsers', which only obey snoozes, last."""
        return (*(one.status() for one in self._receivers), ReceiverStatus(BROWSER_NAME, BROWSER_NAME))

    def stop(self, timeout_s: float) -> bool:
        """End; False where a thread did not in time. What was not delivered stays in the spool."""
        for receiver in self._receivers:
            receiver.stop()
        ended = [receiver.join(timeout_s) for receiver in self._receivers]
        return all(ended)


def _spool(folder: Path | None, name: str) -> Path | None:
    """The file of a receiver's queue; names that differ only in what no file is called have two."""
    if folder is None:
        return None
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return folder / f"{plain if plain == name else f'{plain}-{crc32(name.encode()):08x}'}.alerts"
