"""Everything that is served, over TLS; handshakes that never come, or come again with another certificate."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from streamtrack.config import HttpConfig
from streamtrack.http.answer_headers import AnswerHeaders
from streamtrack.http.connections import ConnectionLimits
from streamtrack.http.tls import Certificate, TlsFiles
from streamtrack.http.web_server import WebServer, bind_http
from tests.support.certificates import Authority, Files
from tests.support.video import until

QUICK = ConnectionLimits(head_timeout_s=0.5, write_timeout_s=0.5, sweep_s=0.05)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/scheme")
    async def scheme(request: Request) -> str:
        return request.url.scheme

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            app.state.readers += 1
            try:
                while True:
                    yield b"x" * 10_000
                    await asyncio.sleep(0.001)
            finally:
                app.state.readers -= 1

        return StreamingResponse(parts(), media_type="multipart/x-mixed-replace")

    @app.websocket("/wire")
    async def wire(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_bytes(socket.url.scheme.encode())
        await socket.close()

    app.state.readers = 0
    app.add_middleware(AnswerHeaders, hsts_max_age_s=3600)
    return app


@asynccontextmanager
async def served(
    files: Files, limits: ConnectionLimits | None = None, app: FastAPI | None = None
) -> AsyncIterator[tuple[int, Certificate]]:
    tls = TlsFiles.of(HttpConfig(tls_certificate=files.certificate, tls_key=files.key))
    assert tls is not None
    certificate = Certificate(tls)
    listener = bind_http("127.0.0.1", 0)
    server = WebServer(app or make_app(), listener, limits or ConnectionLimits(), certificate)
    await server.start()
    try:
        yield listener.getsockname()[1], certificate
    finally:
        await server.stop()


@asynccontextmanager
async def client(port: int, authority: Authority) -> AsyncIterator[httpx.AsyncClient]:
    trusted = authority.client()
    async with httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=trusted, timeout=20) as http:
        yield http


async def test_requests_bodies_and_answers_without_end_go_over_tls(
    authority: Authority, tmp_path: Path
) -> None:
    async with served(authority.write(tmp_path)) as (port, _), client(port, authority) as http:
        answer = await http.get("/scheme", headers={"host": "cams.example"})
        assert answer.json() == "https"
        assert answer.headers["strict-transport-security"] == "max-age=3600"
        for host in (f"localhost:{port}", "127.0.0.1", "[::1]:80", "192.0.2.1"):
            plain = await http.get("/scheme", headers={"host": host})
            assert "strict-transport-security" not in plain.headers
        assert (await http.post("/length", content=b"x" * 300_000)).json() == 300_000
        async with http.stream("GET", "/endless") as endless:
            async for part in endless.aiter_raw():
                assert part
                break


async def test_websocket_goes_over_tls(authority: Authority, tmp_path: Path) -> None:
    async with served(authority.write(tmp_path)) as (port, _):
        url = f"wss://localhost:{port}/wire"
        async with websockets.connect(url, ssl=authority.client()) as socket:
            assert await socket.recv() == b"wss"


async def test_client_that_trusts_nobody_we_know_is_turned_away_by_itself(
    authority: Authority, tmp_path: Path
) -> None:
    async with served(authority.write(tmp_path)) as (port, _):
        async with httpx.AsyncClient(base_url=f"https://localhost:{port}") as http:
            with pytest.raises(httpx.ConnectError):
                await http.get("/scheme")
        async with client(port, authority) as http:
            assert (await http.get("/scheme")).status_code == 200


async def test_tls_1_1_is_refused(authority: Authority, tmp_path: Path) -> None:
    old = authority.client()
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with served(authority.write(tmp_path)) as (port, _):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("localhost", port, ssl=old)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        _, writer = await asyncio.open_connection("localhost", port, ssl=old)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_renewed_certificate_is_shown_to_newcomers_and_streams_go_on(
    authority: Authority, tmp_path: Path
) -> None:
    files = authority.write(tmp_path)
    async with served(files) as (port, certificate), client(port, authority) as http:
        before = await shown(port, authority)
        async with http.stream("GET", "/endless") as endless:
            parts = endless.aiter_raw()
            await anext(parts)
            authority.write(tmp_path)
            assert certificate.refresh()
            assert await shown(port, authority) != before
            for _ in range(50):
                assert await anext(parts)


async def shown(port: int, authority: Authority) -> bytes:
    """The certificate that a newcomer is shown."""
    _, writer = await asyncio.open_connection("localhost", port, ssl=authority.client())
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    assert isinstance(found, bytes)
    return found


@pytest.mark.parametrize("begun", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"])
async def test_handshake_that_does_not_come_ends_and_others_are_served(
    authority: Authority, tmp_path: Path, begun: bytes
) -> None:
    async with served(authority.write(tmp_path), QUICK) as (port, _), client(port, authority) as http:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in opened:
            writer.write(begun)
        assert (await http.get("/scheme")).status_code == 200
        async with asyncio.timeout(20):
            for reader, writer in opened:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def test_mute_handshakes_of_one_address_lock_nobody_out(authority: Authority, tmp_path: Path) -> None:
    patient = ConnectionLimits(head_timeout_s=60, max_connections=64, max_connections_per_peer=20)
    async with served(authority.write(tmp_path), patient) as (port, _), client(port, authority) as http:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _ in range(3):
            assert (await http.get("/scheme")).status_code == 200
        for _, writer in opened:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_head_that_does_not_come_after_the_handshake_ends(authority: Authority, tmp_path: Path) -> None:
    async with served(authority.write(tmp_path), QUICK) as (port, _):
        reader, writer = await asyncio.open_connection("localhost", port, ssl=authority.client())
        writer.write(b"GET /sch")
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                assert await reader.read() == b""
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_answer_that_is_not_read_frees_its_place(authority: Authority, tmp_path: Path) -> None:
    app = make_app()
    async with served(authority.write(tmp_path), QUICK, app) as (port, _):
        reader, writer = await asyncio.open_connection("localhost", port, ssl=authority.client(), limit=4_096)
        writer.write(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readline()
        await until(lambda: app.state.readers == 1)
        await until(lambda: app.state.readers == 0)
        writer.transport.abort()


async def test_first_request_may_come_with_the_end_of_the_handshake(
    authority: Authority, tmp_path: Path
) -> None:
    # A client of TLS 1.3 sends it in one piece with its last word of the handshake.
    async with served(authority.write(tmp_path)) as (port, _):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = authority.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        writer.write(outgoing.read())
        while True:
            incoming.write(await reader.read(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
        tls.write(b"GET /scheme HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        writer.write(outgoing.read())  # finished and request at once
        answer = b""
        async with asyncio.timeout(20):
            while not answer.endswith(b'"https"'):
                received = await reader.read(65_536)
                assert received
                incoming.write(received)
                with contextlib.suppress(ssl.SSLWantReadError):
                    while part := tls.read(65_536):
                        answer += part
        assert json.loads(answer.rpartition(b"\r\n")[2]) == "https"
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
