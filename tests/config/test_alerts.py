"""Receivers of alerts in a config: what is refused, in which words, and what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamtrack.config import load_config, parse_config
from streamtrack.errors import ConfigError

SECRET = "a secret that no error shows"
HOOK: dict[str, Any] = {"name": "pager", "url": "https://example.org/x"}
MQTT: dict[str, Any] = {"host": "broker"}


def refusal(**alerts: Any) -> str:
    raw = {"streams": [{"name": "cam", "source": {"url": "synthetic:demo"}}], "alerts": alerts}
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, "live.yaml")
    text = str(refused.value)
    assert "\n" not in text
    assert SECRET not in text
    return text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "ftp://example.org"}, "webhooks.0.url: expected http://HOST/... or https://HOST/..."),
        ({"url": f"https://me:{SECRET}@example.org"}, "expected no user and password in the address"),
        ({"url": "https://"}, "expected http://HOST"),
        ({"secret": "short"}, "webhooks.0.secret: expected at least 16 characters"),
        ({"name": "mqtt"}, "neither mqtt nor browser"),
        ({"kinds": ["enter"]}, "is no kind of event, expected some of: added"),
        ({"kinds": []}, "at least 1 item"),
        ({"classes": ["persn"]}, "did you mean person?"),
        ({"streams": ["came"]}, "alerts.webhooks.0.streams names 'came', expected some of: cam"),
        ({"queue_max": 0}, "queue_max is 0"),
    ],
)
def test_webhook_that_cannot_work_is_told_in_one_line(changes: dict[str, Any], told: str) -> None:
    assert told in refusal(webhooks=[{**HOOK, **changes}])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"host": "mqtt://broker"}, "expected a host's name or address, without mqtt://, user or port"),
        ({"password": SECRET}, "mqtt.password is set and mqtt.user is not"),
        ({"ca_file": "ca.pem"}, "mqtt.ca_file is set and mqtt.tls is not"),
        ({"topic": "a/#"}, "expected words with / between them, without + and #"),
        ({"port": 0}, "port is 0"),
    ],
)
def test_broker_that_cannot_work_is_told_in_one_line(changes: dict[str, Any], told: str) -> None:
    assert told in refusal(mqtt={**MQTT, **changes})


def test_two_webhooks_of_one_name_are_refused() -> None:
    assert "webhook name 'pager' is used 2 times" in refusal(webhooks=[HOOK, HOOK])


def test_secrets_are_not_shown_and_files_lie_beside_the_config(tmp_path: Path) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(
        "streams: [{name: cam, source: {url: 'synthetic:demo'}}]\n"
        f"alerts: {{spool: waiting, webhooks: [{{name: p, url: 'https://h/{SECRET}', secret: '{SECRET}'}}],\n"
        f"  mqtt: {{host: b, tls: true, ca_file: ca.pem, user: me, password: '{SECRET}'}}}}\n"
    )
    config = load_config(path)
    assert SECRET not in repr(config)
    assert SECRET not in config.model_dump_json()
    assert config.alerts.spool == tmp_path / "waiting"
    assert config.alerts.mqtt is not None
    assert config.alerts.mqtt.ca_file == tmp_path / "ca.pem"
