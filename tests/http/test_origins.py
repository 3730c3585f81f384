"""Host, Origin and Sec-Fetch-Site as a table, with a token and without one."""

from __future__ import annotations

import socket

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers

from streamtrack.config import HttpConfig
from streamtrack.http.origins import OriginPolicy
from tests.support.doors import refusal

TOKEN = "hunter2-hunter2-hunter2"
BEARER = {"authorization": f"Bearer {TOKEN}"}
OPEN = HttpConfig()
GUARDED = HttpConfig.model_validate({"token": TOKEN})
LOCKED = HttpConfig.model_validate({"host": "0.0.0.0", "token": TOKEN})
FRIENDLY = HttpConfig(cors_origins=("https://panel.example",))


HOSTS = [
    ("127.0.0.1:8080", None),
    ("localhost:8080", None),
    ("[::1]:8080", None),
    ("LOCALHOST", None),
    ("localhost.", None),
    ("evil.example", 403),
    ("evil.example:8080", 403),
    ("127.0.0.1.evil.example", 403),
    ("127.0.0.1.nip.io", 403),
    ("localhost.evil.example", 403),
    ("user@evil.example", 403),
    ("2130706433", 403),
    ("", 403),
    ("[::1", 403),
]


@pytest.mark.parametrize(("host", "status"), [*HOSTS, ("192.168.1.5:8080", 403)])
def test_name_that_was_rebound_to_this_machine_is_refused(host: str, status: int | None) -> None:
    assert refusal(OPEN, "GET", "/streams", host=host) == status
    assert refusal(OPEN, "GET", "/healthz", host=host) == status
    assert refusal(GUARDED, "GET", "/streams", host=host, **BEARER) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [*HOSTS, ("192.168.1.5:8080", None), ("[fd00::5]", None), (socket.gethostname(), None)],
)
def test_on_the_network_addresses_and_the_machines_own_name_are_known(host: str, status: int | None) -> None:
    assert refusal(LOCKED, "GET", "/streams", host=host, **BEARER) == status


def test_names_that_are_configured_are_known() -> None:
    named = HttpConfig.model_validate({"host": "0.0.0.0", "token": TOKEN, "hosts": ("Cams.example",)})
    assert refusal(named, "GET", "/streams", host="cams.example:443", **BEARER) is None
    assert refusal(named, "GET", "/streams", host="evil.cams.example", **BEARER) == 403
    every = HttpConfig(hosts=("*",))
    assert refusal(every, "GET", "/streams", host="anything.example") is None


def test_what_is_no_host_name_is_told() -> None:
    with pytest.raises(ValidationError, match=r"no host, expected a name such as cams\.example"):
        HttpConfig(hosts=("https://cams.example",))


FOREIGN: list[tuple[dict[str, str], int | None]] = [
    ({}, None),
    ({"origin": "http://127.0.0.1:8080"}, None),
    ({"origin": "http://127.0.0.1:9999"}, 403),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"sec_fetch_site": "cross-site"}, 403),
    ({"sec_fetch_site": "same-site"}, 403),
    ({"sec_fetch_site": "same-origin"}, None),
]


@pytest.mark.parametrize(("headers", "status"), FOREIGN)
def test_page_of_another_origin_changes_nothing(headers: dict[str, str], status: int | None) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert refusal(OPEN, method, "/streams/a/pause", **headers) == status
        assert refusal(LOCKED, method, "/streams/a/pause", **headers, **BEARER) == status
    assert refusal(OPEN, "GET", "/streams", **headers) is None


def test_configured_origin_may_call_and_its_host_may_be_named() -> None:
    assert refusal(FRIENDLY, "POST", "/streams/a/pause", origin="https://panel.example") is None
    assert refusal(FRIENDLY, "POST", "/streams/a/pause", origin="http://panel.example") == 403
    assert refusal(FRIENDLY, "GET", "/streams", host="panel.example") is None


IMG = {"sec_fetch_dest": "image", "sec_fetch_mode": "no-cors"}


@pytest.mark.parametrize(
    "path", ["/streams/a/mjpeg", "/streams/a/snapshot.jpg", "/streams/a/live", "/streams/a/wire"]
)
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
    if "panel.example" not in str(headers):
        assert refusal(LOCKED, "GET", path, **headers, **BEARER) == status
        assert refusal(LOCKED, "GET", path, f"token={TOKEN}", **headers) == status


def test_policy_stands_by_itself() -> None:
    assert OriginPolicy(HttpConfig()).refuse("POST", "/x", Headers({"host": "localhost"})) is None
