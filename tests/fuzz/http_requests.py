"""Requests of HTTP: those that are as they should be, and what becomes of them when something is changed."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

import httpx

from tests.fuzz.mutate import INTERESTING, changed_value, damaged
from tests.fuzz.target import told_of

ZONE = {"kind": "zone", "name": "yard", "points": [[0, 0], [100, 0], [100, 90]], "loiter_ms": 500}
LINE = {"kind": "line", "name": "door", "points": [[0, 0], [100, 50]], "unit": "px", "classes": ["person"]}
CAMERA = {
    "name": "extra",
    "source": {"url": "synthetic:leave?width=160&height=96&frames=2", "pace": "every_frame"},
    "tracking": {"max_objects": 1, "window": "off"},
    "rules": {"zones": [ZONE], "lines": [LINE]},
    "recording": "off",
}
PROMPT = {"box": [20, 20, 60, 60], "label": "cup"}
FILM = {"url": "http://127.0.0.1:9/film.mp4", "prompts": [{"object_id": 1, "box": [1, 2, 30, 40]}]}
BODIES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/streams/still/objects", PROMPT),
    ("POST", "/streams/cam/objects", {"points": [[80, 40]], "labels": [1], "at_frame": 0}),
    ("POST", "/streams/still/objects/1/prompts", {"points": [[30, 30]], "labels": [1]}),
    ("POST", "/streams/still/objects/1/mend", {**PROMPT, "detail": {"by": "test"}}),
    ("POST", "/streams/still/objects/1/likeness", {"boxes": [[0, 0, 9, 9]], "keep": True}),
    ("PATCH", "/streams/still/objects/1", {"label": "b"}),
    ("POST", "/streams/still/objects/1/choose", {"index": 0}),
    ("POST", "/streams/still/objects/1/start-over", PROMPT),
    ("POST", "/streams/still/objects/1/merge", {"other_id": 2}),
    ("POST", "/streams/still/objects/from", {"from_stream": "cam", "object_id": 1}),
    ("POST", "/streams/still/rules", ZONE),
    ("POST", "/streams/still/rules", LINE),
    ("PUT", "/streams/still/rules/yard", ZONE),
    ("POST", "/streams/still/ptz/follow", {"object_id": 1}),
    ("POST", "/streams/still/ptz/move", {"pan": 0.5, "seconds": 0.2}),
    ("POST", "/streams", CAMERA),
    ("PATCH", "/streams/extra", {"tracking": {"max_objects": 2}, "rules": None}),
    ("POST", "/streams/test", {"source": CAMERA["source"]}),
    ("POST", "/clips", {"stream": "cam", "from_ms": 0, "to_ms": 1_000, "film": "clean", "exact": False}),
    ("POST", "/alerts/snoozes", {"alert": "browser", "stream": "cam", "seconds": 5}),
    ("POST", "/login", {"token": "a-token-that-is-none"}),
    ("POST", "/jobs", FILM),
    ("POST", "/jobs", {**FILM, "options": {"direction": "both", "stride": 2, "exports": ["objects"]}}),
)
"""Every route that takes JSON, with a body that is taken."""
QUERIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/streams/still/objects/at", {"x": 40, "y": 40, "at_frame": 2}),
    ("GET", "/streams/still/masks", {"format": "png", "after_frame": 0, "wait_ms": 0}),
    ("GET", "/streams/still/objects/1/mask.png", {"after_frame": 0}),
    ("DELETE", "/streams/still/objects/1/prompts", {"at_frame": 2}),
    ("GET", "/streams/still/objects/1/memory", {}),
    ("GET", "/streams/still/snapshot.jpg", {"view": "overlay"}),
    ("GET", "/streams/still/encodes", {}),
    ("GET", "/whep/sessions/x/frame", {"rtp_timestamp": 5}),
    ("GET", "/recordings", {"from_ms": 0, "to_ms": 5}),
    ("GET", "/recordings/cam", {"from_ms": 0, "to_ms": 5, "limit": 3}),
    ("DELETE", "/recordings/cam", {"from_ms": 0, "to_ms": 5}),
    ("GET", "/recordings/cam/cam_20261129T025000.123Z", {}),
    ("GET", "/recordings/cam/cam_20261129T025000.123Z/clean.mp4", {"download": "true"}),
    (
        "GET",
        "/events/history",
        {
            "stream": "cam",
            "kind": "added",
            "object_id": 1,
            "from_ms": 0,
            "to_ms": 9,
            "limit": 5,
            "rule": "yard",
        },
    ),
    (
        "GET",
        "/events/history",
        {"before_id": 5, "rule": "yard", "label": "cup", "class": "person", "oldest_first": "true"},
    ),
    ("GET", "/events/history/1/thumbnail.jpg", {}),
    ("GET", "/clips/0123456789abcdef/film.mp4", {}),
    ("GET", "/jobs/20261129025000-0123456789abcdef", {}),
    ("GET", "/jobs/20261129025000-0123456789abcdef/results/objects.csv", {}),
    ("GET", "/docs", {}),
    ("GET", "/web/page.js", {}),
    ("GET", "/metrics", {}),
    ("GET", "/alerts", {}),
    ("GET", "/whoami", {}),
    ("GET", "/audit", {"limit": 5, "before": 9, "who": "token", "outcome": "done"}),
    ("DELETE", "/alerts/snoozes/1", {}),
    ("POST", "/streams/still/undo", {}),
    ("POST", "/streams/still/objects/1/undo", {}),
    ("GET", "/streams/still/objects/1/candidates", {}),
    ("DELETE", "/streams/still/rules/yard", {}),
    ("DELETE", "/streams/extra", {}),
    ("POST", "/config/reload", {}),
    ("POST", "/streams/still/replay", {}),
)
"""Routes whose questions stand in their address."""
TYPES = ("application/json", "application/json; charset=utf-16", "text/plain", "application/octet-stream", "")


def odd_body(rng: random.Random) -> httpx.Request:
    """A request with a body in which something is changed."""
    method, path, body = rng.choice(BODIES)
    pick = rng.random()
    data = json.dumps(body if pick < 0.1 else changed_value(body, rng)).encode()
    if pick > 0.7:
        data = damaged(data, rng)
    kind = TYPES[0] if rng.random() < 0.95 else rng.choice(TYPES)
    return httpx.Request(
        method, "http://test" + _odd_path(path, rng), content=data, headers={"content-type": kind}
    )


def odd_query(rng: random.Random) -> httpx.Request:
    """A request with an address in which something is changed."""
    method, path, query = rng.choice(QUERIES)
    pairs = [(key, str(value)) for key, value in query.items()]
    if pairs and rng.random() < 0.8:
        place = rng.randrange(len(pairs))
        key = pairs[place][0]
        if rng.random() < 0.2:
            pairs += [pairs[place]] * rng.choice((1, 70))
        else:
            changed = changed_value(query[key], rng)
            text = changed if isinstance(changed, str) else json.dumps(changed)
            pairs[place] = key, text[:2_000]
    asked = "&".join(f"{key}={quote(value.encode('utf-8', 'replace'))}" for key, value in pairs)
    return httpx.Request(method, f"http://test{_odd_path(path, rng)}" + (f"?{asked}" if asked else ""))


def _odd_path(path: str, rng: random.Random) -> str:
    if rng.random() < 0.85:
        return path
    parts = path.split("/")
    place = rng.randrange(1, len(parts))
    parts[place] = quote(rng.choice((*INTERESTING, b"0" * 400, b"1", str(2**63).encode())), safe="")
    return "/".join(parts)


def ask(api: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The server's answer; AssertionError where it is a fault of the server's."""
    url = str(api.base_url).rstrip("/") + request.url.raw_path.decode()
    headers = {key: request.headers[key] for key in ("content-type",) if key in request.headers}
    answer = api.request(request.method, url, content=request.content or None, headers=headers)
    check_answer(answer, f"{request.method} {request.url.raw_path.decode()} {request.content[:500]!r}")
    return answer


def check_answer(answer: httpx.Response, what: str) -> None:
    """Raise AssertionError where an answer is a 5xx but a told overload, or an error without a line."""
    status = answer.status_code
    is_overload = status == 503 and "retry-after" in answer.headers
    is_unready = status == 503 and answer.request.url.path == "/readyz"
    assert status < 500 or is_overload or is_unready, f"{what}: {told_of(answer)}"
    if status >= 400 and answer.headers.get("content-type", "").startswith("application/json"):
        told = answer.json()
        assert set(told) >= {"error", "kind"}, f"{what}: {told_of(answer)}"
        assert "\n" not in told["error"], f"{what}: {told_of(answer)}"
