"""Events to a real HTTP server that refuses, hangs, goes away and comes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamtrack.alerts.hub import AlertsHub
from streamtrack.alerts.webhook import secret_key
from streamtrack.clock import FakeClock
from streamtrack.config import AlertsConfig, WebhookConfig
from streamtrack.errors import ConfigError
from streamtrack.frame import Event, EventKind
from streamtrack.telemetry import Telemetry
from tests.support.receivers import Hook, entered, hooked
from tests.support.waiting import SOON_S, wait_until

SECRET = "a secret of this test alone"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as running:
        yield running


def config_for(hook: Hook, **changes: Any) -> WebhookConfig:
    quick = {"first_delay_ms": 20, "max_delay_ms": 50, "timeout_ms": 10_000}
    return WebhookConfig.model_validate({"name": "door bell", "url": hook.url, **quick, **changes})


@contextmanager
def sending(config: WebhookConfig, spool: Path | None = None) -> Iterator[AlertsHub]:
    hub = AlertsHub(AlertsConfig(webhooks=(config,), spool=spool), Telemetry())
    hub.start()
    try:
        yield hub
    finally:
        assert hub.stop(SOON_S)


def counts(hub: AlertsHub) -> dict[str, int]:
    return hub.statuses()[0].counts


def test_event_arrives_as_json_and_signed(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), sending(config_for(hook, secret=SECRET, token="t" * 20)) as hub:
        hub.offer("cam", [entered(7, label="Ann", thumbnail="AAAA")])
        wait_until(lambda: len(hook.requests) == 1, "the request")
        wait_until(lambda: counts(hub) == {"sent": 1}, "its answer")
    head, body = hook.requests[0]
    assert hook.bodies[0] == {
        "id": head["webhook-id"],
        "stream": "cam",
        "kind": "entered",
        "wall_ms": hook.bodies[0]["wall_ms"],
        "frame_idx": 7,
        "object_id": 7,
        "detail": {"rule": "yard", "class": "person", "label": "Ann", "thumbnail": "AAAA"},
    }
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
    assert head["webhook-signature"] == f"v1,{expected}"
    assert head["idempotency-key"] == head["webhook-id"]
    assert head["authorization"] == f"Bearer {'t' * 20}"
    assert "/hook" not in caplog.text, "addresses carry tokens"


def test_every_event_arrives_once_across_a_restart_of_the_receiver(hook: Hook) -> None:
    with sending(config_for(hook)) as hub:
        for number in range(5):
            hub.offer("cam", [entered(number)])
        wait_until(lambda: len(set(hook.ids)) == 5, "the first events")
        hook.unplug()
        for number in range(5, 20):
            hub.offer("cam", [entered(number)])
        wait_until(lambda: counts(hub).get("retried", 0) > 2, "tries in vain")
        trouble = hub.statuses()[0].trouble
        assert trouble is not None
        assert "cannot be reached" in trouble
        assert "127.0.0.1" not in trouble
        hook.plug_in()
        wait_until(lambda: counts(hub)["sent"] == 20, "the others")
        assert hub.statuses()[0].trouble is None
    # One whose answer was lost comes again under its id: whoever remembers ids has each once, in order.
    first = dict(zip(hook.ids, (body["object_id"] for body in hook.bodies), strict=True))
    assert list(first.values()) == list(range(20))


def test_answer_that_is_lost_brings_the_same_id_again(hook: Hook) -> None:
    hook.statuses = [500, 503]
    with sending(config_for(hook)) as hub:
        hub.offer("cam", [entered(1)])
        wait_until(lambda: counts(hub).get("sent") == 1, "the third try")
    assert len(hook.ids) == 3
    assert len(set(hook.ids)) == 1


def test_event_that_is_never_taken_makes_room_for_the_next_and_is_told(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.statuses = [422]
    with sending(config_for(hook)) as hub:
        hub.offer("cam", [entered(1), entered(2)])
        wait_until(lambda: counts(hub) == {"dropped_refused": 1, "sent": 1}, "both")
    assert "alerts: door bell: an event was dropped, 1 in all: answered 422, expected 2xx" in caplog.text


def test_redirect_is_not_followed(hook: Hook) -> None:
    with hooked() as elsewhere:
        hook.location, hook.statuses = elsewhere.url, [307, 302]
        with sending(config_for(hook)) as hub:
            hub.offer("cam", [entered(1)])
            wait_until(lambda: counts(hub).get("sent") == 1, "an answer that is none")
        assert elsewhere.requests == []


def test_receiver_that_hangs_delays_nobody_and_what_is_dropped_is_told(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    hook.before_answer = lambda: go_on.wait(SOON_S)
    with sending(config_for(hook, queue_max=3)) as hub:
        for number in range(10):
            hub.offer("cam", [entered(number)])  # comes back though nobody answers
        assert hub.statuses()[0].waiting == 3
        go_on.set()
        wait_until(lambda: hub.statuses()[0].waiting == 0, "what was kept")
        assert counts(hub)["dropped_full"] == 7
    assert [body["object_id"] for body in hook.bodies][-3:] == [7, 8, 9]
    assert "door bell: an event was dropped" in caplog.text


def test_what_waits_outlives_the_process_in_the_spool(hook: Hook, tmp_path: Path) -> None:
    hook.unplug()
    with sending(config_for(hook), tmp_path) as hub:
        hub.offer("cam", [entered(1), entered(2)])
    hook.plug_in()
    with sending(config_for(hook), tmp_path) as hub:
        wait_until(lambda: counts(hub).get("sent") == 2, "what waited")
    assert [body["object_id"] for body in hook.bodies] == [1, 2]


def test_event_that_is_too_old_is_dropped(hook: Hook) -> None:
    clock, telemetry = FakeClock(), Telemetry()
    hub = AlertsHub(AlertsConfig(webhooks=(config_for(hook, max_age_s=60),)), telemetry, clock)
    hub.offer("cam", [entered(1)])
    clock.advance_ms(61_000)
    hub.offer("cam", [entered(2)])
    hub.start()
    wait_until(lambda: counts(hub) == {"dropped_old": 1, "sent": 1}, "the newer one")
    assert hub.stop(SOON_S)
    assert b'streamtrack_alerts_total{outcome="dropped_old",receiver="door bell"} 1.0' in telemetry.expose()


@pytest.mark.parametrize(
    ("filters", "through"),
    [
        ({}, [1, 2, 3]),
        ({"streams": ["yard"]}, [3]),
        ({"kinds": ["lost"]}, [4]),
        ({"rules": ["gate"]}, [2]),
        ({"classes": ["car"]}, [2]),
        ({"labels": ["Ann"]}, [1]),
    ],
)
def test_filters_let_through_what_they_name(filters: dict[str, Any], through: list[int], hook: Hook) -> None:
    with sending(config_for(hook, **filters)) as hub:
        hub.offer("cam", [entered(1, label="Ann"), entered(2, rule="gate", **{"class": "car"})])
        hub.offer("yard", [entered(3)])
        hub.offer("cam", [Event(EventKind.LOST, 0, 4), Event(EventKind.PAUSED, 0)])
        wait_until(lambda: hub.statuses()[0].waiting == 0, "the end")
    assert [body["object_id"] for body in hook.bodies] == through


def test_snoozed_rule_is_silent_until_its_time_is_over(hook: Hook) -> None:
    clock = FakeClock()
    hub = AlertsHub(AlertsConfig(webhooks=(config_for(hook),)), Telemetry(), clock)
    hub.start()
    hub.snoozes.add(None, "cam", "yard", 60)
    hub.offer("cam", [entered(1), entered(2, rule="gate")])
    clock.advance_ms(60_001)
    hub.offer("cam", [entered(3)])
    wait_until(lambda: counts(hub) == {"snoozed": 1, "sent": 2}, "the others")
    assert hub.stop(SOON_S)
    assert [body["object_id"] for body in hook.bodies] == [2, 3]


def test_thumbnail_is_left_out_where_it_is_not_wanted(hook: Hook) -> None:
    with sending(config_for(hook, thumbnails=False)) as hub:
        hub.offer("cam", [entered(1, thumbnail="AAAA")])
        wait_until(lambda: len(hook.requests) == 1, "the request")
    assert "thumbnail" not in hook.bodies[0]["detail"]


def test_secret_may_be_base64_and_one_that_is_none_is_told_without_it() -> None:
    assert secret_key("whsec_" + base64.b64encode(b"key").decode()) == b"key"
    assert secret_key("plain") == b"plain"
    with pytest.raises(ConfigError) as refused:
        secret_key("whsec_not base64!")
    assert "not base64!" not in str(refused.value)


def test_spool_that_is_something_else_is_told(hook: Hook, tmp_path: Path) -> None:
    (tmp_path / "bell.alerts").write_bytes(b"no database at all, but a text" * 99)
    with pytest.raises(ConfigError, match=r"bell\.alerts cannot be used as a queue of alerts"):
        AlertsHub(AlertsConfig(webhooks=(config_for(hook, name="bell"),), spool=tmp_path), Telemetry())
