"""The access policy as a table: what comes in, and what is refused with which status."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from streamtrack.config import HttpConfig
from streamtrack.http.auth import AccessPolicy

OPEN = AccessPolicy(HttpConfig())
LOCKED = AccessPolicy(HttpConfig.model_validate({"host": "0.0.0.0", "token": "hunter2-hunter2-hunter2"}))
FRIENDLY = AccessPolicy(HttpConfig(cors_origins=("https://panel.example",)))


def refusal(policy: AccessPolicy, method: str, path: str, query: str = "", **headers: str) -> int | None:
    named = {key.replace("_", "-"): value for key, value in {"host": "127.0.0.1:8080", **headers}.items()}
    found = policy.refuse(method, path, query.encode(), Headers(named))
    return None if found is None else int(found.status)


ENDPOINTS = ("/streams", "/metrics", "/readyz", "/docs", "/openapi.json", "/streams/a/mjpeg")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_token_is_asked_for_at_every_door(path: str) -> None:
    assert refusal(LOCKED, "GET", path) == 401
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter2-hunter2-hunter2") is None
    assert refusal(LOCKED, "GET", path, authorization="bearer hunter2-hunter2-hunter2") is None
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter") == 401
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter22") == 401
    assert refusal(LOCKED, "GET", path, authorization="Basic hunter2-hunter2-hunter2") == 401
    assert refusal(LOCKED, "GET", path, authorization="Bearer é") == 401


@pytest.mark.parametrize("path", ["/", "/healthz", "/web/app.js"])
def test_page_and_health_need_no_token(path: str) -> None:
    assert refusal(LOCKED, "GET", path) is None
    assert refusal(LOCKED, "POST", path) == 401


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


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", None),
        ("localhost:8080", None),
        ("[::1]:8080", None),
        ("LOCALHOST", None),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("192.168.1.5:8080", 403),
    ],
)
def test_name_that_was_rebound_to_this_machine_is_refused(host: str, status: int | None) -> None:
    assert refusal(OPEN, "GET", "/streams", host=host) == status
    assert (
        refusal(LOCKED, "GET", "/streams", host=host, authorization="Bearer hunter2-hunter2-hunter2") is None
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"origin": "http://127.0.0.1:8080"}, None),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, None),
    ],
)
def test_page_of_another_origin_changes_nothing(headers: dict[str, str], status: int | None) -> None:
    for method in ("POST", "PATCH", "DELETE"):
        assert refusal(OPEN, method, "/streams/a/pause", **headers) == status
    assert refusal(OPEN, "GET", "/streams", **headers) is None


def test_configured_origin_may_call_and_its_host_may_be_named() -> None:
    assert refusal(FRIENDLY, "POST", "/streams/a/pause", origin="https://panel.example") is None
    assert refusal(FRIENDLY, "POST", "/streams/a/pause", origin="http://panel.example") == 403
    assert refusal(FRIENDLY, "GET", "/streams", host="panel.example") is None


def test_refusal_never_shows_the_token() -> None:
    found = LOCKED.refuse("GET", "/streams", b"token=hunter", Headers({"host": "x"}))
    assert found is not None
    assert "hunter" not in found.error


IMG = {"sec_fetch_dest": "image", "sec_fetch_mode": "no-cors"}


@pytest.mark.parametrize("path", ["/streams/a/mjpeg", "/streams/a/snapshot.jpg", "/streams/a/live"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({**IMG, "sec_fetch_site": "same-origin"}, None),
        ({**IMG, "sec_fetch_site": "cross-site"}, 403),
        ({**IMG, "sec_fetch_site": "same-site"}, 403),
        ({**IMG, "sec_fetch_site": "cross-site", "referer": "https://evil.example/"}, 403),
        ({**IMG, "sec_fetch_site": "cross-site", "referer": "https://panel.example/a/b"}, None),
        ({"origin": "https://panel.example"}, None),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "none", "sec_fetch_dest": "document"}, None),
        ({"sec_fetch_site": "cross-site", "sec_fetch_dest": "document"}, None),
        ({"sec_fetch_site": "cross-site", "sec_fetch_dest": "iframe"}, 403),
    ],
)
def test_page_of_another_origin_shows_no_pictures(
    path: str, headers: dict[str, str], status: int | None
) -> None:
    assert refusal(FRIENDLY, "GET", path, **headers) == status
    assert refusal(LOCKED, "GET", path, authorization="Bearer hunter2-hunter2-hunter2", **headers) is None


def test_odd_hosts_and_queries_are_refused_and_break_nothing() -> None:
    assert refusal(OPEN, "GET", "/streams", host="[::1") == 403
    assert refusal(LOCKED, "GET", "/streams", "&".join(["a=b"] * 5_000)) == 401
    assert refusal(LOCKED, "GET", "/streams", "token") == 401
