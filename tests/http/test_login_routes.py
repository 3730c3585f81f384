"""Logging in by the page: the cookie, what it may, what other pages cannot do with it, and how it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from streamtrack.access.attempts import GUESSES_AT_ONCE
from streamtrack.config import Config
from streamtrack.http.front_door import front_door
from streamtrack.http.login_routes import own_path
from tests.support.doors import make_keys
from tests.support.http_door import Served, served
from tests.support.pipelines import stream_config
from tests.support.video import until


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as found:
        yield found


async def test_session_stands_for_the_key_and_no_script_can_read_it(server: Served) -> None:
    async with server.http() as http:
        answer = await http.post("/login", json={"token": server.tokens["control"]})
        assert answer.json() == {
            "name": "control",
            "role": "control",
            "kind": "key",
            "session": False,
            "asks": True,
        }
        [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
        assert cookie.key == f"streamtrack_{server.url.rpartition(':')[2]}"
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
        assert (cookie["secure"], cookie["max-age"]) == ("", "86400")
        assert server.tokens["control"] not in answer.text + str(answer.headers)
        assert (await http.get("/whoami")).json()["session"] is True
        assert (await http.post("/streams/a/objects", json={})).status_code == 201
        assert (await http.get("/audit")).status_code == 403
        assert (await http.post("/logout")).status_code == 204
        assert (await http.get("/whoami")).status_code == 401
    whats = [entry.what for entry in server.door.audit.page(9, who="control")[0]]
    assert whats[-1] == "log in"
    assert whats[0] == "log out"


async def test_cookie_is_for_tls_alone_where_the_browser_came_by_it(tmp_path: Path) -> None:
    async with served(tmp_path, trusted_proxies=("127.0.0.1",)) as server, server.http() as http:
        told = {"x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.9"}
        answer = await http.post("/login", json={"token": server.tokens["view"]}, headers=told)
        [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
        assert cookie.key.startswith("__Host-streamtrack_")
        assert cookie["secure"] is True
        entry = server.door.audit.page(1)[0][0]
        assert (entry.what, entry.address) == ("log in", "10.0.0.9")


async def test_form_without_scripts_leads_on_or_says_why_not(server: Served) -> None:
    async with server.http() as http:
        page = await http.get("/login")
        assert page.headers["content-security-policy"].count("form-action 'self'") == 1
        assert 'action="/login"' in page.text
        form = {"token": server.tokens["view"], "next": "/timeline"}
        answer = await http.post("/login", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/timeline")
        answer = await http.post("/login", data={"token": "no", "next": "https://evil.example/"})
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/login?wrong=unauthorized&next=%2F",
        )
        assert (await http.post("/login", content=b"{}")).status_code == 415
        assert (await http.post("/login", json=["x"])).status_code == 401


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/timeline#a", "/timeline#a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_way_on_stays_on_this_server(text: str, path: str) -> None:
    assert own_path(text) == path


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:9"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_page_of_another_origin_does_nothing_with_the_cookie(
    server: Served, headers: dict[str, str]
) -> None:
    async with server.http() as http:
        foreign = await http.post("/login", json={"token": server.tokens["admin"]}, headers=headers)
        assert foreign.status_code == 403
        await http.post("/login", json={"token": server.tokens["admin"]})
        for method, path in (
            ("POST", "/streams/a/objects"),
            ("POST", "/logout"),
            ("GET", "/streams/a/mjpeg"),
        ):
            assert (await http.request(method, path, headers=headers)).status_code == 403
        assert (await http.get("/whoami")).status_code == 200


async def test_guessing_is_slowed_and_unknown_and_wrong_are_told_alike(server: Served) -> None:
    async with server.http() as http:
        wrong = [f"st_{index:010x}_{'0' * 48}" for index in range(GUESSES_AT_ONCE)]
        answers = [await http.post("/login", json={"token": token}) for token in wrong]
        answers.append(await http.post("/login", json={"token": server.tokens["view"][:-4] + "0000"}))
        slowed = await http.post("/login", json={"token": wrong[0]})
        assert {(answer.status_code, answer.text) for answer in answers} == {
            (401, '{"error":"the bearer token is missing or wrong","kind":"unauthorized"}')
        }
        assert (slowed.status_code, slowed.json()["kind"]) == (429, "too_many_guesses")
        assert int(slowed.headers["retry-after"]) >= 1
        assert (await http.post("/login", json={"token": server.tokens["view"]})).status_code == 200


async def test_session_ends_with_its_key(server: Served) -> None:
    async with server.http() as http:
        await http.post("/login", json={"token": server.tokens["view"]})
        assert (await http.get("/whoami")).status_code == 200
        server.keys.revoke("view")
        await until(lambda: "removed" in str(server.door.audit.page(9)[0]), 20)
        assert (await http.get("/whoami")).status_code == 401


async def test_where_nobody_is_asked_everybody_is_anyone(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.door.keyring = None
        async with server.http() as http:
            assert (await http.get("/whoami")).json() == {
                "name": "anyone",
                "role": "admin",
                "kind": "anyone",
                "session": False,
                "asks": False,
            }
            assert "set-cookie" not in (await http.post("/login", json={"token": "x"})).headers


async def test_states_of_streams_are_for_those_who_may_see_them(server: Served) -> None:
    board_says = []
    for who in (None, "revoked", "view"):
        async with server.http(who) as http:
            board_says.append((await http.get("/readyz")).json())
    assert board_says == [{"ready": True, "streams": {}}] * 3


def test_door_of_a_config_has_its_keys_and_its_log(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    tokens = make_keys(tmp_path / "keys.json")
    config = Config.model_validate({"streams": [stream_config()], "cameras": {"state_dir": str(tmp_path)}})
    assert front_door(config, registry=registry).asks_for_keys
    assert registry.get_sample_value("streamtrack_audit_lost_total") == 0
    door = front_door(config, registry=CollectorRegistry())
    door.audit.note("log in", "done")
    assert door.audit.close(20)
    assert json.loads((tmp_path / "audit.jsonl").read_text())["what"] == "log in"
    (tmp_path / "keys.json").unlink()
    assert not front_door(config, registry=CollectorRegistry()).asks_for_keys
    named = config.model_copy(
        update={"http": config.http.model_copy(update={"keys_file": tmp_path / "keys.json"})}
    )
    assert front_door(named, registry=CollectorRegistry()).asks_for_keys, "named: closed until one is made"
    assert tokens
