"""Alerts over HTTP: receivers, what became of events, and snoozes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from streamtrack.alerts.hub import AlertsHub
from streamtrack.clock import FakeClock
from streamtrack.config import AlertsConfig, WebhookConfig
from streamtrack.http.alerts_routes import alerts_router
from streamtrack.http.error_answers import add_error_answers
from streamtrack.telemetry import Telemetry

HOOK = WebhookConfig.model_validate({"name": "pager", "url": "http://127.0.0.1:9/hidden"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(clock: FakeClock) -> Iterator[TestClient]:
    app = FastAPI()
    hub = AlertsHub(AlertsConfig(webhooks=(HOOK,)), Telemetry(), clock)
    app.include_router(alerts_router(hub))
    add_error_answers(app)
    with TestClient(app) as client:
        yield client
    assert hub.stop(5)


def test_receivers_are_shown_without_their_addresses(api: TestClient) -> None:
    answer = api.get("/alerts")
    assert [(one["name"], one["kind"], one["waiting"]) for one in answer.json()["receivers"]] == [
        ("pager", "webhook", 0),
        ("browser", "browser", 0),
    ]
    assert "hidden" not in answer.text


def test_snooze_from_its_beginning_to_its_end(api: TestClient, clock: FakeClock) -> None:
    made = api.post("/alerts/snoozes", json={"stream": "cam", "rule": "yard", "seconds": 60})
    assert made.status_code == 201
    assert made.json() == {
        "snooze_id": 1,
        "alert": None,
        "stream": "cam",
        "rule": "yard",
        "until_ms": 1_700_000_060_000,
    }
    again = api.post("/alerts/snoozes", json={"stream": "cam", "rule": "yard", "seconds": 120}).json()
    assert api.get("/alerts").json()["snoozes"] == [again]
    api.post("/alerts/snoozes", json={"alert": "pager", "seconds": 10})
    clock.advance_ms(10_001)
    assert api.get("/alerts").json()["snoozes"] == [again]
    assert api.delete("/alerts/snoozes/2").status_code == 204
    assert api.delete("/alerts/snoozes/2").json()["kind"] == "unknown_snooze"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"seconds": 0}, "seconds is 0"),
        ({"seconds": True}, "seconds"),
        ({"alert": "nobody", "seconds": 5}, "alert is 'nobody', expected one of: pager, browser"),
        ({"second": 5}, "second"),
        ({}, "seconds is missing"),
    ],
)
def test_what_is_no_snooze_is_refused(body: dict[str, Any], told: str, api: TestClient) -> None:
    refused = api.post("/alerts/snoozes", json=body)
    assert refused.status_code == 422
    assert told in refused.json()["error"]
    assert api.get("/alerts").json()["snoozes"] == []
