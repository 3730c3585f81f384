"""The access policy as a table: what comes in, and what is refused with which status."""

from __future__ import annotations

import pytest

from streamtrack.config import HttpConfig
from tests.support.doors import refusal

OPEN = HttpConfig()
LOCKED = HttpConfig.model_validate({"host": "0.0.0.0", "token": "hunter2-hunter2-hunter2"})


ENDPOINTS = ("/streams", "/metrics", "/whoami", "/audit", "/docs", "/openapi.json", "/streams/a/mjpeg")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_token_is_asked_for_at_every_door(path: str) -> None:
    assert refusal(LOCKED, "GET", path) == 401
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter2-hunter2-hunter2") is None
    assert refusal(LOCKED, "GET", path, authorization="bearer hunter2-hunter2-hunter2") is None
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter") == 401
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter22") == 401
    assert refusal(LOCKED, "GET", path, authorization="Basic hunter2-hunter2-hunter2") == 401
    assert refusal(LOCKED, "GET", path, authorization="Bearer é") == 401


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/readyz", "/web/app.js"])
def test_page_and_health_need_no_token(path: str) -> None:
    assert refusal(LOCKED, "GET", path) is None
    assert refusal(LOCKED, "PUT", path) == 401


@pytest.mark.parametrize("path", ["/web", "/web/../streams", "//", "/healthz/", "/webhook"])
def test_paths_that_only_look_open_are_closed(path: str) -> None:
    # /web/.. is no way out: the server never walks a path, it looks names up.
    expected = None if path.startswith("/web/") else 401
    assert refusal(LOCKED, "GET", path) == expected


def test_token_in_the_query_is_for_reading_only() -> None:
    # <img> and EventSource cannot send headers; whatever changes something can.
    assert refusal(LOCKED, "GET", "/streams/a/mjpeg", "token=hunter2-hunter2-hunter2") is None
    assert refusal(LOCKED, "GET", "/streams/a/mjpeg", "token=hunter") == 401
    assert refusal(LOCKED, "POST", "/streams/a/pause", "token=hunter2-hunter2-hunter2") == 401
    assert refusal(LOCKED, "DELETE", "/streams/a/objects/1", "token=hunter2-hunter2-hunter2") == 401


def test_preflight_needs_no_token_because_it_cannot_carry_one() -> None:
    assert refusal(LOCKED, "OPTIONS", "/streams/a/whep") is None


def test_odd_hosts_and_queries_are_refused_and_break_nothing() -> None:
    assert refusal(OPEN, "GET", "/streams", host="[::1") == 403
    assert refusal(LOCKED, "GET", "/streams", "&".join(["a=b"] * 5_000)) == 401
    assert refusal(LOCKED, "GET", "/streams", "token") == 401
