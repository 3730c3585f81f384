"""Events and states at a real broker that goes away and comes back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streamtrack.alerts.hub import AlertsHub
from streamtrack.config import AlertsConfig, MqttConfig
from streamtrack.errors import ConfigError
from streamtrack.rules.state import Inside, RuleState
from streamtrack.telemetry import Telemetry
from tests.support.receivers import Subscriber, broker, entered
from tests.support.waiting import SOON_S, wait_until

pytestmark = pytest.mark.needs_program("mosquitto")

EVENTS = "streamtrack/cam/events"
PASSWORD = "only of this test"


def zone(*ids: int, entered: int = 0) -> RuleState:
    inside = tuple(Inside(one, "", "person", 1.0, None) for one in ids)
    return RuleState("front door", "zone", None, inside, entered or len(ids))


LINE = RuleState("gate", "line", forward=3, backward=1)


@contextmanager
def publishing(port: int, **changes: Any) -> Iterator[AlertsHub]:
    config = MqttConfig.model_validate({"host": "127.0.0.1", "port": port, "keepalive_s": 5, **changes})
    hub = AlertsHub(AlertsConfig(mqtt=config), Telemetry())
    hub.start()
    try:
        yield hub
    finally:
        assert hub.stop(SOON_S)


def test_every_event_arrives_once_across_a_restart_of_the_broker(tmp_path: Path) -> None:
    with broker(tmp_path) as running:
        subscriber = Subscriber(running.port)
        with publishing(running.port) as hub:
            hub.show_rules("cam", [zone()])
            for number in range(5):
                hub.offer("cam", [entered(number)])
            wait_until(lambda: len(subscriber.of(EVENTS)) == 5, "the first events")
            running.stop()
            wait_until(lambda: hub.statuses()[0].trouble is not None, "the loss being noticed")
            for number in range(5, 20):
                hub.offer("cam", [entered(number)])
            hub.show_rules("cam", [zone(1, 2)])
            running.start()
            wait_until(lambda: hub.statuses()[0].counts["sent"] == 20, "the others")
            wait_until(lambda: len(ids(subscriber)) == 20, "their arrival")
            wait_until(lambda: inside(subscriber) == "2", "the newest state")
            assert hub.statuses()[0].trouble is None
        # QoS 1 may bring one twice, under the same id.
        told = {one["id"]: one["object_id"] for one in map(json.loads, subscriber.of(EVENTS))}
        assert list(told.values()) == list(range(20))
        wait_until(lambda: subscriber.newest("streamtrack/status") == "offline", "the goodbye")
        subscriber.close()


def ids(subscriber: Subscriber) -> set[str]:
    return {json.loads(one)["id"] for one in subscriber.of(EVENTS)}


def inside(subscriber: Subscriber) -> str | None:
    topics = [topic for topic in subscriber.messages if topic.endswith("/inside")]
    return subscriber.newest(topics[0]) if topics else None


def test_home_assistant_finds_zones_and_lines_and_forgets_those_that_go(tmp_path: Path) -> None:
    with broker(tmp_path) as running:
        subscriber = Subscriber(running.port)
        with publishing(running.port) as hub:
            hub.show_rules("cam", [zone(1), LINE])
            wait_until(lambda: len(found(subscriber)) == 6, "a sensor for each count and one for the zone")
            configs = found(subscriber)
            occupied = next(one for topic, one in configs.items() if "/binary_sensor/" in topic)
            assert occupied["device_class"] == "occupancy"
            assert occupied["name"] == "front door"
            assert occupied["availability_topic"] == "streamtrack/status"
            wait_until(lambda: subscriber.newest(occupied["state_topic"]) == "ON", "the zone's state")
            wait_until(lambda: subscriber.newest("streamtrack/status") == "online", "the availability")
            rising = next(one for one in configs.values() if one["name"] == "gate forward")
            wait_until(lambda: subscriber.newest(rising["state_topic"]) == "3", "the line's count")
            assert rising["state_class"] == "total_increasing"
            hub.show_rules("cam", [zone()])
            wait_until(lambda: subscriber.newest(occupied["state_topic"]) == "OFF", "nobody inside")
            wait_until(lambda: len(found(subscriber)) == 4, "the line being forgotten")
        subscriber.close()


def found(subscriber: Subscriber) -> dict[str, Any]:
    newest = {
        topic: subscriber.newest(topic)
        for topic in list(subscriber.messages)
        if topic.startswith("homeassistant/")
    }
    return {topic: json.loads(text) for topic, text in newest.items() if text}


def test_broker_that_asks_for_a_password_gets_it_and_the_log_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "cam", PASSWORD], check=True, timeout=20)
    users.chmod(0o644)
    with broker(tmp_path, "allow_anonymous false", f"password_file {users}") as running:
        with publishing(running.port, user="cam", password="wrong " + PASSWORD) as hub:
            wait_until(lambda: hub.statuses()[0].trouble is not None, "the refusal")
            assert "the broker refuses: Not authorized" in str(hub.statuses()[0].trouble)
        subscriber = Subscriber(running.port, "cam", PASSWORD)
        with publishing(running.port, user="cam", password=PASSWORD) as hub:
            hub.offer("cam", [entered(1)])
            wait_until(lambda: len(subscriber.of(EVENTS)) == 1, "the event")
        subscriber.close()
    assert PASSWORD not in caplog.text


# paho leaves the socket of a refused certificate to the garbage collector, which Python complains of.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_broker_is_spoken_to_over_tls_and_its_certificate_is_checked(tmp_path: Path) -> None:
    own, other = certificate(tmp_path / "own"), certificate(tmp_path / "other")
    tls = (f"certfile {own}", f"keyfile {own.with_suffix('.key')}", "allow_anonymous true")
    with broker(tmp_path, *tls) as running:
        with publishing(running.port, tls=True, ca_file=other) as hub:
            wait_until(lambda: hub.statuses()[0].trouble is not None, "the refusal")
            assert "its certificate is not one that is trusted" in str(hub.statuses()[0].trouble)
        with publishing(running.port, tls=True, ca_file=own) as hub:
            hub.offer("cam", [entered(1)])
            wait_until(lambda: hub.statuses()[0].counts.get("sent") == 1, "the receipt")


def certificate(path: Path) -> Path:
    """A certificate of this machine's that vouches for itself, its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    own_address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(own_address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = path.with_suffix(".pem")
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem


def test_no_broker_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with publishing(9) as hub:
        hub.offer("cam", [entered(1)])
        wait_until(lambda: hub.statuses()[0].trouble is not None, "the trouble")
        assert hub.statuses()[0].waiting == 1
    assert "alerts: mqtt: no broker answers at 127.0.0.1:9; tried again" in caplog.text


def test_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    config = MqttConfig(host="127.0.0.1", tls=True, ca_file=path)
    with pytest.raises(ConfigError, match=r"alerts\.mqtt\.ca_file: .*ca\.pem cannot be used as certificates"):
        AlertsHub(AlertsConfig(mqtt=config), Telemetry())
