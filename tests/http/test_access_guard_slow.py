"""Bodies that take their time, over real sockets, and who is served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from streamtrack.config import HttpConfig
from streamtrack.http.api import create_app
from streamtrack.http.connections import ConnectionLimits
from streamtrack.http.web_server import WebServer, bind_http
from tests.http.test_access_guard import NoStreams

SOON_S = 20
POST = b"POST /streams/cam/objects HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def served(**limits: float) -> AsyncIterator[int]:
    config = HttpConfig.model_validate({"limits": limits})
    listener = bind_http("127.0.0.1", 0)
    board: object = NoStreams()
    server = WebServer(create_app(board, config), listener, ConnectionLimits.of(config))  # type: ignore[arg-type]
    await server.start()
    try:
        yield listener.getsockname()[1]
    finally:
        await server.stop()


@pytest.mark.parametrize("told", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_body_that_drips_is_given_up_in_time_and_others_are_served(told: bytes) -> None:
    async with served(body_timeout_s=0.5) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + told + b"\r\n\r\n")

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" " if b"Length" in told else b"1\r\n \r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SOON_S) as http:
            assert (await http.get("/healthz")).status_code == 200
            async with asyncio.timeout(SOON_S):
                assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
            assert (await http.get("/healthz")).status_code == 200
        dripping.cancel()
        writer.transport.abort()


async def test_one_address_that_holds_all_it_may_leaves_places_to_others_and_to_health() -> None:
    async with served(body_timeout_s=60, requests=8, requests_per_address=3) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in opened:
            writer.write(POST + b"Content-Length: 1000\r\n\r\n")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SOON_S) as http:
            async with asyncio.timeout(SOON_S):
                while (answer := await http.get("/streams")).status_code == 200:
                    pass
            assert (answer.status_code, answer.json()["kind"]) == (503, "busy")
            assert (await http.get("/healthz")).status_code == 200
            # Another address: this machine has more than one.
            other = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", transport=other) as theirs:
                assert (await theirs.get("/streams")).status_code == 200
        for _, writer in opened:
            writer.transport.abort()
