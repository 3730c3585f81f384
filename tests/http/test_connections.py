"""Connections that never ask, never end what they began, or never read, beside clients that do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from streamtrack.http.answer_headers import HEADERS
from streamtrack.http.connections import ConnectionLimits
from streamtrack.http.peers import peer_of
from streamtrack.http.proxies import TrustedProxies
from streamtrack.http.web_server import WebServer, bind_http
from tests.support.video import until

QUICK = ConnectionLimits(head_timeout_s=0.4, write_timeout_s=0.4, sweep_s=0.05)
HEAD = b"GET /echo HTTP/1.1\r\nHost: x\r\n"


class Endless:
    """An app with an answer that never ends, and how many read it."""

    def __init__(self) -> None:
        self.readers = 0
        self.app = FastAPI()
        router = APIRouter()
        router.get("/healthz")(self.health)
        router.get("/endless")(self.endless)
        router.post("/slow")(self.slow)
        router.websocket("/wire")(self.wire)
        self.app.include_router(router)

    async def health(self) -> dict[str, bool]:
        return {"alive": True}

    async def slow(self, request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    async def wire(self, socket: WebSocket) -> None:
        await socket.accept()
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    async def endless(self) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            self.readers += 1
            try:
                while True:
                    yield b"x" * 10_000
                    await asyncio.sleep(0.001)
            finally:
                self.readers -= 1

        return StreamingResponse(parts())


@asynccontextmanager
async def served(limits: ConnectionLimits, endless: Endless | None = None) -> AsyncIterator[tuple[str, int]]:
    listener = bind_http("127.0.0.1", 0)
    server = WebServer((endless or Endless()).app, listener, limits)
    await server.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        await server.stop()


@asynccontextmanager
async def connected(
    address: tuple[str, int], count: int, sent: Callable[[int], bytes] = lambda _: b""
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that send something and then nothing any more."""
    opened = [await asyncio.open_connection(*address) for _ in range(count)]
    try:
        for index, (_, writer) in enumerate(opened):
            writer.write(sent(index))
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(5):
            await reader.read()
    return True


async def health(address: tuple[str, int]) -> int:
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", timeout=5) as http:
        return (await http.get("/healthz")).status_code


@pytest.mark.parametrize("begun", [b"", b"G", HEAD, HEAD + b"X-Half: "])
async def test_connection_that_does_not_ask_is_closed(begun: bytes) -> None:
    async with served(QUICK) as address, connected(address, 3, lambda _: begun) as readers:
        for reader in readers:
            assert await is_closed(reader)


async def test_head_that_drips_is_closed_all_the_same() -> None:
    async with served(QUICK) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HEAD)
        closed = asyncio.create_task(is_closed(reader))
        for _ in range(40):
            if closed.done():
                break
            with contextlib.suppress(ConnectionError):
                writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.05)
        assert closed.done()
        writer.close()


async def test_half_a_head_after_an_answer_is_closed_as_well() -> None:
    async with served(QUICK) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"alive" in await reader.readuntil(b"}")
        writer.write(HEAD)
        assert await is_closed(reader)
        writer.close()


async def test_client_that_asks_again_and_again_keeps_its_connection() -> None:
    async with served(QUICK) as address:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(8):  # twice as long as a connection may wait
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"alive" in await reader.readuntil(b"}")
            await asyncio.sleep(0.1)
        writer.close()


@contextmanager
def asking(address: tuple[str, int]) -> Iterator[socket.socket]:
    """A client whose system keeps little for it: what it leaves unread stays with the server."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        client.connect(address)
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        client.setblocking(False)
        yield client


async def test_answer_that_is_not_read_frees_its_place() -> None:
    endless = Endless()
    async with served(QUICK, endless) as address:
        with asking(address), asking(address):
            await until(lambda: endless.readers == 2)
            await until(lambda: endless.readers == 0)


async def test_answer_that_is_read_slowly_goes_on() -> None:
    endless, loop = Endless(), asyncio.get_running_loop()
    async with served(QUICK, endless) as address:
        with asking(address) as client:
            for _ in range(40):  # three times as long as an answer may be left unread
                assert await loop.sock_recv(client, 8_192)
                await asyncio.sleep(0.03)
            assert endless.readers == 1


async def test_50_mute_and_50_half_open_connections_lock_nobody_out() -> None:
    patient = ConnectionLimits(head_timeout_s=60, max_connections=64, max_connections_per_peer=40)
    async with (
        served(patient) as address,
        connected(address, 100, lambda index: HEAD if index % 2 else b""),
    ):
        assert [await health(address) for _ in range(5)] == [200] * 5


async def test_newcomer_takes_the_place_of_the_longest_waiting_and_of_nobody_who_is_served() -> None:
    endless = Endless()
    limits = ConnectionLimits(head_timeout_s=60, max_connections_per_peer=3)
    async with served(limits, endless) as address:
        asked = {0: b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"}
        async with connected(address, 2, lambda index: asked.get(index, b"")) as (served_one, oldest):
            await until(lambda: endless.readers == 1)
            async with connected(address, 1) as (newer,):
                assert await health(address) == 200
                assert await is_closed(oldest)
                assert not newer.at_eof()
                assert endless.readers == 1
                assert await served_one.read(10)


async def test_flood_of_mute_connections_costs_a_client_that_asks_nothing() -> None:
    async with served(ConnectionLimits(head_timeout_s=60, max_connections_per_peer=20)) as address:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(10):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"alive" in await reader.readuntil(b"}")
            async with connected(address, 40):
                assert await health(address) == 200
        writer.close()


UPGRADE = (
    b"GET /wire HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@asynccontextmanager
async def web_socket(
    address: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A WebSocket whose server has accepted."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(UPGRADE)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x80\0\0\0\0",
        b"\x00\x80\0\0\0\0",
        b"\x89\x82\0\0\0\0xx",
        b"\x82\xfe\x10\0\0\0\0\0" + b"x" * 4096,
    ],
    ids=["texts", "fragments", "pings", "bytes"],
)
async def test_web_socket_that_talks_and_talks_is_cut_off(frame: bytes) -> None:
    async with served(QUICK) as address, web_socket(address) as (reader, writer):
        if frame[0] == 0:
            writer.write(b"\x01\x80\0\0\0\0")  # what the fragments go on with
        writer.write(frame * (100_000 // len(frame)))
        with contextlib.suppress(OSError):
            async with asyncio.timeout(20):
                while await reader.read(65_536):
                    pass
        assert await health(address) == 200


async def test_web_socket_whose_head_is_no_ascii_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with served(QUICK) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(UPGRADE.replace(b"dGhl", b"\xffGhl"))
        async with asyncio.timeout(20):
            assert (await reader.read(4096)).startswith(b"HTTP/1.1 400 ")
        writer.close()
    assert caplog.text == ""


async def test_web_socket_says_what_it_likes_in_a_few_words(caplog: pytest.LogCaptureFixture) -> None:
    said = b"\x81\x82\0\0\0\0hi" + b"\x81\x82\0\0\0\0\xff\xfe" + b"\x01\x81\0\0\0\0x" + b"\x80\x81\0\0\0\0y"
    async with served(QUICK) as address, web_socket(address) as (reader, writer):
        writer.write(said + b"\x89\x81\0\0\0\0p")
        async with asyncio.timeout(20):
            assert await reader.readexactly(3) == b"\x8a\x01p", "the pong, and nothing about the rest"
    assert caplog.text == ""


async def test_what_is_not_http_is_refused_in_the_form_of_every_error() -> None:
    async with (
        served(QUICK) as address,
        connected(address, 1, lambda _: b"\x16\x03\x01 hello\r\n\r\n") as (reader,),
    ):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error": "the request is not HTTP/1.1", "kind": "bad_request"}')


@pytest.mark.parametrize(
    "long", [b"GET /?" + b"q" * 40_000, HEAD + b"X: " + b"y" * 40_000, HEAD + b"X: y\r\n" * 7_000]
)
async def test_head_that_is_too_long_is_refused_while_it_comes(long: bytes) -> None:
    async with served(QUICK) as address, connected(address, 1, lambda _: long) as (reader,):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.endswith(b'longer than 16384 bytes, expected fewer", "kind": "too_large"}')


@pytest.mark.parametrize("asked", [b"\x16\x03\x01 hello\r\n\r\n", b"GET /?" + b"q" * 40_000])
async def test_refusal_of_what_never_is_a_request_carries_every_header(asked: bytes) -> None:
    async with served(QUICK) as address, connected(address, 1, lambda _: asked) as (reader,):
        lines = (await reader.read()).decode().split("\r\n")
    assert {f"{name}: {value}" for name, value in HEADERS.items()} <= set(lines)


async def test_websocket_that_is_none_is_refused_with_every_header() -> None:
    asked = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"  # no key
    async with served(QUICK) as address, connected(address, 1, lambda _: asked) as (reader,):
        answer = (await reader.read()).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert {f"{name}: {value}" for name, value in HEADERS.items()} <= set(answer.split("\r\n"))


async def test_connections_of_a_trusted_proxy_are_those_of_many() -> None:
    endless = Endless()
    limits = ConnectionLimits(max_connections_per_peer=2, proxies=TrustedProxies(("127.0.0.1",)))
    asked = b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served(limits, endless) as address, connected(address, 6, lambda _: asked):
        await until(lambda: endless.readers == 6)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("testclient", "unknown"),
    ],
)
def test_peer_is_a_machine(host: str, peer: str) -> None:
    assert peer_of((host, 1)) == peer
    assert peer_of(None) == "unknown"
