"""Events, and zones and lines as retained states, to an MQTT broker that may go away and come back."""

from __future__ import annotations

import importlib
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamtrack.alerts.home_assistant import (
    Message,
    availability_topic,
    discovery_messages,
    events_topic,
    state_messages,
)
from streamtrack.alerts.receiver import Receiver
from streamtrack.clock import Clock
from streamtrack.config import MqttConfig
from streamtrack.config.alerts import MQTT_NAME
from streamtrack.errors import ConfigError
from streamtrack.rules.state import RuleState
from streamtrack.telemetry import Telemetry

PORT, TLS_PORT = 1883, 8883
QOS = 1
LOOK_S = 30.0
"""How often it is looked whether something became too old, while nothing comes."""
ACK_LOOK_S = 0.5
"""How often a wait for the broker's receipt looks whether it is still wanted."""
FIRST_RECONNECT_S, LAST_RECONNECT_S = 1, 30


class MqttReceiver(Receiver):
    """Publishes one event after the other, each with QoS 1, and what rules count, retained."""

    kind = "mqtt"

    def __init__(self, config: MqttConfig, spool: Path | None, telemetry: Telemetry, clock: Clock) -> None:
        """
        Raises:
            ConfigError: paho-mqtt is not installed, or a certificate or the spool cannot be used.
        """
        self._config = config
        self._changed = threading.Condition()
        self._connected = False
        self._news = False
        self._states: dict[str, Sequence[RuleState]] = {}
        """The newest of each stream: only they matter."""
        self._shown: dict[str, bytes] = {}
        """What the broker holds of it, by topic."""
        self._receipts: set[int] = set()
        """paho's numbers of the messages that the broker has."""
        self._client = self._make_client(config)
        super().__init__(MQTT_NAME, config, spool, telemetry, clock)

    def show_rules(self, stream: str, states: Sequence[RuleState]) -> None:
        """The counts of a stream's zones and lines changed."""
        with self._changed:
            self._states[stream] = tuple(states)
        self._wake()

    def forget(self, stream: str) -> None:
        """A stream is no more: what the broker holds of it is taken away."""
        with self._changed:
            self._states.pop(stream, None)
        self._wake()

    def _make_client(self, config: MqttConfig) -> Any:
        try:
            paho = importlib.import_module("paho.mqtt.client")
            enums = importlib.import_module("paho.mqtt.enums")
        except ImportError as error:
            raise ConfigError(
                "alerts.mqtt: paho-mqtt is not installed, expected it: pip install 'streamtrack[mqtt]'"
            ) from error
        client = paho.Client(enums.CallbackAPIVersion.VERSION2, client_id=config.client_id)
        client.will_set(availability_topic(config), b"offline", QOS, retain=True)
        client.reconnect_delay_set(FIRST_RECONNECT_S, LAST_RECONNECT_S)
        if config.user is not None:
            password = None if config.password is None else config.password.get_secret_value()
            client.username_pw_set(config.user, password)
        if config.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=config.ca_file))
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"alerts.mqtt.ca_file: {config.ca_file} cannot be used as certificates: "
                    f"{getattr(error, 'strerror', None) or type(error).__name__}"
                ) from error
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    # -- in paho's thread ------------------------------------------------------------------------------

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._failed(f"the broker refuses: {reason}")
            return
        with self._changed:
            # A broker that was started anew may have forgotten what it held.
            self._connected, self._shown = True, {}
        self._works()
        self._wake()

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        or_what = ", or its certificate is not one that is trusted" if self._config.tls else ""
        self._failed(f"no broker answers at {self._config.host}:{self._port}{or_what}")

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            was, self._connected = self._connected, False
        if was and not self._stopping.is_set():
            self._failed(f"the broker has gone: {reason}")

    def _on_publish(self, client: Any, data: Any, number: int, reason: Any, properties: Any) -> None:
        with self._changed:
            self._receipts.add(number)
            self._changed.notify_all()

    # -- in our own ------------------------------------------------------------------------------------

    @property
    def _port(self) -> int:
        return self._config.port or (TLS_PORT if self._config.tls else PORT)

    def _wake(self) -> None:
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def _run(self) -> None:
        # Tried again by itself, the first time too.
        self._client.connect_async(self._config.host, self._port, self._config.keepalive_s)
        self._client.loop_start()
        try:
            while not self._stopping.is_set():
                self._forget_old()
                if not self._deliver():
                    self._sleep()
        finally:
            if self._connected:
                gone = self._publish(availability_topic(self._config), b"offline", retain=True)
                self._has_receipt(gone, ACK_LOOK_S)
            self._client.disconnect()
            self._client.loop_stop()

    def _sleep(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._stopping.is_set(), LOOK_S)
            self._news = False

    def _deliver(self) -> bool:
        """Send what is due, states first; False where nothing is, or nobody takes it."""
        if not self._connected:
            return False
        if self._show_states():
            return True
        waiting = self._queue.oldest()
        if waiting is None:
            return False
        number = self._publish(events_topic(self._config, waiting.stream), waiting.body)
        # Through a loss of the connection as well: paho sends it again once the broker is back.
        while not self._has_receipt(number, ACK_LOOK_S):
            if self._stopping.is_set():
                return False
        self._queue.done(waiting.seq)
        self._count("sent")
        return True

    def _show_states(self) -> bool:
        """Publish what differs from what the broker holds; False where nothing does."""
        with self._changed:
            due = dict(self._due())
            shown = self._shown
        new = {topic: payload for topic, payload in due.items() if shown.get(topic) != payload}
        gone = {topic: b"" for topic, payload in shown.items() if payload and topic not in due}
        numbers = []
        for topic, payload in (*gone.items(), *new.items()):
            numbers.append(self._publish(topic, payload, retain=True))
            shown[topic] = payload
        for number in numbers:
            while not self._has_receipt(number, ACK_LOOK_S) and not self._stopping.is_set():
                pass
        return bool(numbers)

    def _due(self) -> list[Message]:
        """Everything that the broker should hold; the lock is held."""
        messages = [(availability_topic(self._config), b"online")]
        wanted = self._config.streams
        for stream, states in self._states.items():
            if not wanted or stream in wanted:
                messages += discovery_messages(self._config, stream, states)
                messages += state_messages(self._config, stream, states)
        return messages

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message to paho; its number."""
        return int(self._client.publish(topic, payload, QOS, retain=retain).mid)

    def _has_receipt(self, number: int, timeout_s: float) -> bool:
        """Whether the broker has a message, at once or within so long."""
        with self._changed:
            has = self._changed.wait_for(lambda: number in self._receipts, timeout_s)
            self._receipts.discard(number)
        return has
