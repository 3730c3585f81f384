"""Zones and lines over HTTP, in front of a real stream that stands still after three frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamtrack.config import LineRule, RulesConfig
from streamtrack.server import Server
from tests.support.pipelines import SOON_S, stream_config, wait_until
from tests.support.servers import server_config, serving

CROSSED = [[0, 0], [9, 9], [9, 0], [0, 9]]
ZONE: dict[str, Any] = {"kind": "zone", "name": "front door", "points": [[10, 10], [300, 10], [300, 200]]}
RULES = "/streams/cam/rules"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rules")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    line = LineRule(name="gate", points=((320, 0), (320, 360)))
    rules = RulesConfig(lines=(line,), file=folder / "cam.json")
    with serving(server_config(stream_config(name="cam", rules=rules))) as running:
        wait_until(lambda: running.status("cam").newest_frame_idx == 2, "the last frame")
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.http_address, timeout=SOON_S) as client:
        yield client
        for found in client.get(RULES).json()["rules"]:
            client.delete(f"{RULES}/{found['rule']['name']}")


def refused(response: httpx.Response, status: int, kind: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["kind"] == kind
    assert "\n" not in body["error"]
    return str(body["error"])


def test_rule_from_its_making_to_its_end(api: httpx.Client, folder: Path) -> None:
    made = api.post(RULES, json=ZONE)
    assert made.status_code == 201
    assert made.json()["rule"]["name"] == "front door"
    assert made.json()["origin"] == "file"
    listed = api.get(RULES).json()
    assert listed["frame_size"] == [360, 640]
    assert listed["stored"] is True
    assert [(one["rule"]["name"], one["origin"]) for one in listed["rules"]] == [
        ("gate", "config"),
        ("front door", "file"),
    ]
    shown = api.get("/streams/cam").json()["rules"]
    assert [(one["name"], one["kind"], one["entered"]) for one in shown] == [
        ("gate", "line", 0),
        ("front door", "zone", 0),
    ]
    changed = api.put(f"{RULES}/front door", json={**ZONE, "loiter_ms": 5000})
    assert changed.status_code == 200
    assert json.loads((folder / "cam.json").read_text())["rules"][0]["loiter_ms"] == 5000
    assert api.get(f"{RULES}/front door").json()["rule"]["loiter_ms"] == 5000
    assert api.delete(f"{RULES}/front door").status_code == 204
    assert refused(api.get(f"{RULES}/front door"), 404, "unknown_rule").endswith("expected one of: gate")


def test_picture_of_a_stream_that_stands_shows_what_was_drawn(api: httpx.Client) -> None:
    snapshot = "/streams/cam/snapshot.jpg"
    before = api.get(snapshot).content
    assert api.get(snapshot).content == before
    api.post(RULES, json=ZONE)
    assert api.get(snapshot).content != before
    api.delete(f"{RULES}/front door")
    assert api.get(snapshot).content == before


@pytest.mark.parametrize(
    ("body", "status", "kind", "told"),
    [
        (
            {**ZONE, "points": CROSSED},
            422,
            "prompt",
            "zone 'front door' crosses itself",
        ),
        ({**ZONE, "points": [[0, 0], [900, 0], [9, 9]]}, 422, "prompt", "expected 0 to 640, 0 to 360"),
        ({**ZONE, "name": "gate"}, 409, "duplicate_rule", "cam: there is a rule 'gate' already"),
        ({**ZONE, "classes": ["persn"]}, 422, "prompt", "did you mean person?"),
        ({key: value for key, value in ZONE.items() if key != "kind"}, 422, "prompt", "kind"),
        ({**ZONE, "kind": "circle"}, 422, "prompt", "kind"),
        ({**ZONE, "colour": "red"}, 422, "prompt", "unknown key"),
        ([], 422, "prompt", ""),
    ],
)
def test_what_is_no_rule_is_refused(body: Any, status: int, kind: str, told: str, api: httpx.Client) -> None:
    assert told in refused(api.post(RULES, json=body), status, kind)
    assert len(api.get(RULES).json()["rules"]) == 1


def test_rule_of_the_config_is_changed_there(api: httpx.Client) -> None:
    assert "change it there" in refused(api.delete(f"{RULES}/gate"), 409, "fixed_rule")
    refused(api.put(f"{RULES}/gate", json=ZONE), 409, "fixed_rule")


def test_unknown_stream_is_told(api: httpx.Client) -> None:
    refused(api.get("/streams/nope/rules"), 404, "unknown_stream")
    refused(api.post("/streams/nope/rules", json=ZONE), 404, "unknown_stream")


def test_api_is_described(api: httpx.Client) -> None:
    described = api.get("/openapi.json").json()
    assert {"get", "post"} <= described["paths"]["/streams/{name}/rules"].keys()
    assert {"get", "put", "delete"} <= described["paths"]["/streams/{name}/rules/{rule}"].keys()
    assert "foot" in str(described["components"]["schemas"]["ZoneRule"])
