"""Who is let in, what he is told otherwise, what is written down; and what he has open ends with his key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamtrack.access.attempts import GUESSES_AT_ONCE
from tests.support.http_door import Served, served
from tests.support.video import until


async def read_out(parts: AsyncIterator[Any] | ClientConnection) -> None:
    """Read to the end."""
    with suppress(ConnectionClosed):
        async for _ in parts:
            pass


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as found:
        yield found


async def test_each_refusal_says_in_one_line_what_is_missing(server: Served) -> None:
    async with server.http("view") as http:
        refused = await http.post("/streams/a/objects", json={})
    assert (refused.status_code, refused.json()) == (
        403,
        {"error": "POST /streams/{name}/objects needs the role control, yours is view", "kind": "forbidden"},
    )
    answers = []
    for who in (None, "revoked", "expired"):
        async with server.http(who) as http:
            answers.append(await http.get("/streams"))
    async with httpx.AsyncClient(base_url=server.url) as http:
        changed = server.tokens["view"][:-4] + "0000"
        answers.append(await http.get("/streams", headers={"authorization": f"Bearer {changed}"}))
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {
        '{"error": "the bearer token is missing or wrong", "kind": "unauthorized"}'
    }
    assert answers[0].headers["www-authenticate"] == "Bearer"


async def test_route_that_nobody_thought_of_is_for_admins(server: Served) -> None:
    statuses = {}
    for who in (None, "view", "control", "admin"):
        async with server.http(who) as http:
            statuses[who] = (await http.get("/not-in-the-table")).status_code
    assert statuses == {None: 401, "view": 403, "control": 403, "admin": 200}


async def test_what_is_open_ends_with_the_key_and_what_others_have_goes_on(server: Served) -> None:
    async with server.http("view") as viewer, server.http("control") as other:
        mine = viewer.stream("GET", "/streams/a/mjpeg")
        theirs = other.stream("GET", "/streams/a/mjpeg")
        async with mine as shown, theirs as going_on:
            parts, others = shown.aiter_raw(), going_on.aiter_raw()
            assert await anext(parts)
            assert (await viewer.post("/streams/a/whep")).status_code == 201
            headers = {"authorization": f"Bearer {server.tokens['view']}"}
            address = f"ws{server.url[4:]}/streams/a/wire"
            async with connect(address, additional_headers=headers) as socket:
                assert await socket.recv() == "masks"
                server.keys.revoke("view")
                async with asyncio.timeout(20):
                    await read_out(parts)  # and the answer ends as it should: no protocol error
                    await read_out(socket)
                assert (socket.close_code, socket.close_reason) == (1008, "the key no longer holds")
            await until(lambda: {"whep", "mjpeg"} <= set(server.kept), 20)
            assert await anext(others)
        assert (await viewer.get("/streams")).status_code == 401
        assert (await other.get("/streams")).status_code == 200


async def test_answer_that_was_waited_for_is_refused_once_the_key_is_gone(server: Served) -> None:
    async with server.http("view") as http:
        asked = asyncio.create_task(http.get("/streams/a/masks"))
        await until(lambda: "asked" in server.kept, 20)
        server.keys.revoke("view")
        await until(lambda: "removed" in str(server.door.audit.page(9)[0]), 20)
        server.door.look_around()
        server.kept.append("news")
        answer = await asked
    assert (answer.status_code, answer.json()["kind"]) == (401, "unauthorized")


async def test_answer_of_a_promised_length_is_cut(server: Served) -> None:
    async with server.http("view") as http, http.stream("GET", "/clips/a/film.mp4") as answer:
        parts = answer.aiter_raw()
        assert await anext(parts)
        server.keys.revoke("view")
        with pytest.raises(httpx.RemoteProtocolError):
            await asyncio.wait_for(read_out(parts), 20)


async def test_socket_is_refused_as_any_request(server: Served) -> None:
    address = f"ws{server.url[4:]}/streams/a/wire"
    for headers, status in (({}, 401), ({"authorization": "Bearer st_wrong"}, 401)):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, additional_headers=headers)
        assert refused.value.response.status_code == status


async def test_log_says_who_changed_what_and_who_was_refused(server: Served) -> None:
    async with server.http("control") as http:
        await http.post("/streams/door/objects", json={})
        await http.get("/streams")
    async with server.http("view") as http:
        for _ in range(3):
            await http.post("/streams/door/objects", json={})
    async with server.http("admin") as http:
        told = (await http.get("/audit", params={"limit": 2})).json()
        assert (await http.get("/audit", params={"limit": 501})).status_code == 422
    refused, done = told["entries"]
    assert (done["who"], done["role"], done["by"]) == ("control", "control", "key")
    assert (done["what"], done["stream"], done["object"]) == ("POST /streams/{name}/objects", "door", "7")
    assert (done["outcome"], done["status"], done["address"]) == ("done", 201, "127.0.0.1")
    assert (refused["who"], refused["outcome"], refused["status"]) == ("view", "refused", 403)
    assert told["stored"] is False
    everything = str(server.door.audit.page(99)[0])
    assert not any(token in everything for token in server.tokens.values())


async def test_who_guesses_keeps_nobody_out_who_has_a_key(server: Served) -> None:
    async with server.http() as http:
        statuses = []
        for index in range(GUESSES_AT_ONCE + 3):
            guess = f"st_{index:010x}_{'0' * 48}"
            answer = await http.get("/streams", headers={"authorization": f"Bearer {guess}"})
            statuses.append(answer.status_code)
        # From the same address, a key that was never shown before.
        shown = {"authorization": f"Bearer {server.tokens['control']}"}
        assert (await http.get("/streams", headers=shown)).status_code == 200
    assert statuses == [401] * GUESSES_AT_ONCE + [429] * 3
    assert [entry.what for entry in server.door.audit.page(9, outcome="refused")[0]] == ["come in"]


async def test_keys_that_are_made_while_everything_is_open_close_it(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        (tmp_path / "keys.json").write_text("damaged")
        await until(lambda: "nobody comes in" in str(server.door.audit.page(9)[0]), 20)
        async with server.http("admin") as http:
            assert (await http.get("/streams")).status_code == 401
            assert (await http.get("/healthz")).status_code == 200
