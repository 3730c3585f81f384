"""Those who watch a server under soak, each for a while, some of whom behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import zmq
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bench.viewer_crowd import Viewer
from streamtrack.client import MaskSubscriber

MAX_STAY_S = 40.0
READERS = ("mjpeg", "live", "results")


class _Cut:
    """A datagram transport whose cable is cut: what is sent goes nowhere, the socket can still be closed."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def sendto(self, *_: object) -> None:
        """Into the void."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def watch(http: httpx.AsyncClient, url: str, rng: random.Random) -> str:
    """A WebRTC viewer, who leaves in order or vanishes without a word."""
    viewer, vanishes = Viewer(http, url), rng.random() < 0.4
    try:
        await viewer.join()
        await asyncio.sleep(rng.uniform(2, MAX_STAY_S))
        if vanishes:
            for connection in ice_connections(viewer.connection):
                for protocol in connection._protocols:
                    protocol.transport = _Cut(protocol.transport)
            return "vanished"
        await viewer.leave()
        return "left"
    finally:
        await viewer.close()


def ice_connections(peer: Any) -> list[Any]:
    """What aioice holds for an aiortc connection."""
    transports = {transceiver.receiver.transport.transport for transceiver in peer.getTransceivers()}
    return [transport._connection for transport in transports]


async def read(http: httpx.AsyncClient, url: str, rng: random.Random) -> str:
    """A reader of an endless answer, who goes when he has enough."""
    until = asyncio.get_running_loop().time() + rng.uniform(1, MAX_STAY_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until), http.stream("GET", url) as answer:
            if answer.status_code != 200:
                return str(answer.status_code)
            async for _ in answer.aiter_raw():
                pass
            return "ended"
    return "left"


async def stall(url: str, rng: random.Random) -> str:
    """A reader who asks, and never reads."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(wire, (host, port))
        await loop.sock_sendall(wire, f"GET {parts.path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await asyncio.sleep(rng.uniform(5, MAX_STAY_S))
    return "stalled"


async def follow_wire(url: str, rng: random.Random) -> str:
    """A WebSocket reader."""
    until = asyncio.get_running_loop().time() + rng.uniform(1, MAX_STAY_S)
    try:
        async with asyncio.timeout_at(until), connect(url, max_size=None) as wire:
            async for _ in wire:
                pass
        return "ended"
    except TimeoutError:
        return "left"
    except (WebSocketException, OSError) as error:
        return type(error).__name__


async def subscribe(address: str, stream: str, rng: random.Random) -> str:
    """A ZeroMQ subscriber, who reads or does not."""
    stay_s, reads = rng.uniform(1, MAX_STAY_S), rng.random() < 0.6
    until = asyncio.get_running_loop().time() + stay_s
    with MaskSubscriber(address, stream=stream) as masks:
        while (left_s := until - asyncio.get_running_loop().time()) > 0:
            if not reads:
                await asyncio.sleep(left_s)
            elif masks.socket.poll(0, zmq.POLLIN):
                masks.receive(0)
            else:
                await asyncio.sleep(min(0.1, left_s))
    return "left" if reads else "stalled"
