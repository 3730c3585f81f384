"""How long a client's connection keeps its place while it neither asks nor reads.

uvicorn ends connections that are silent after an answer (`timeout_keep_alive`). It has no limit for those
that never ask, stop in the middle of a head, or do not read what they asked for; those limits are here, on
top of its protocol. A connection that has no request under way never costs another one its place: when
places run out, the one that has waited longest is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Response
from websockets.server import ServerProtocol

from streamtrack.config import HttpConfig
from streamtrack.http.answer_headers import HEADERS
from streamtrack.http.peers import peer_of
from streamtrack.http.proxies import TrustedProxies

UNSENT_BYTES = 16_384
"""Bytes that the kernel holds unsent for one client: what it does not read is noticed soon, and is fresh."""
UNREAD_BYTES = 16_384
"""Bytes that wait here for the kernel to take them, before an answer has to wait."""
HEARD_BYTES, HEARD_BYTES_A_S = 16_384, 1_024
"""Of a WebSocket's client: a pong is ten bytes, every twenty seconds."""
PROGRESS_BYTES = 4_096
"""Less than this in `write_timeout_s` is not reading."""

_logger = logging.getLogger("uvicorn.error.connections")
_logger.setLevel(logging.ERROR)  # a warning for everyone who does not speak HTTP would fill any disk


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one connection, one client and all together may take."""

    head_timeout_s: float = 10.0
    """From the connection, or the answer before, to the end of a request's head."""
    write_timeout_s: float = 10.0
    """How long a client may leave what it is sent unread."""
    sweep_s: float = 0.5
    """How often both are looked at."""
    max_connections: int = 512
    max_connections_per_peer: int = 192
    """Of one client address; what is behind one proxy counts as one, unless it is one of `proxies`."""
    max_head_bytes: int = 16_384
    """Of a request's line and headers."""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    """Whose connections are those of many clients."""

    @classmethod
    def of(cls, config: HttpConfig) -> ConnectionLimits:
        """Those of a config."""
        limits = config.limits
        return cls(
            head_timeout_s=limits.head_timeout_s,
            write_timeout_s=limits.write_timeout_s,
            sweep_s=min(0.5, limits.head_timeout_s, limits.write_timeout_s),
            max_connections=limits.connections,
            max_connections_per_peer=limits.connections_per_address,
            max_head_bytes=limits.head_bytes,
            proxies=TrustedProxies(config.trusted_proxies),
        )


class _Unread:
    """Since when a client has left unread what it was sent."""

    def __init__(self) -> None:
        self._unread: tuple[int, float] | None = None

    def since(self, unread_bytes: int, now: float) -> float | None:
        """The moment; None where it reads."""
        if unread_bytes == 0:
            self._unread = None
        elif self._unread is None or not self._unread[0] - PROGRESS_BYTES < unread_bytes <= self._unread[0]:
            # It reads, or we may still add to what is unread, which ends at UNREAD_BYTES.
            self._unread = (unread_bytes, now)
        return None if self._unread is None else self._unread[1]


class _Allowance:
    """How much may come: a burst, and so much a second."""

    def __init__(self, burst_bytes: int, bytes_a_s: int) -> None:
        self._burst_bytes, self._bytes_a_s = burst_bytes, bytes_a_s
        self._left, self._at = float(burst_bytes), 0.0

    def allows(self, num_bytes: int, now: float) -> bool:
        """Whether so much more may come; where it may, it has."""
        self._left = min(self._burst_bytes, self._left + (now - self._at) * self._bytes_a_s)
        self._at = now
        if num_bytes > self._left:
            return False
        self._left -= num_bytes
        return True


class LimitedProtocol(H11Protocol):
    """A connection that can tell whether it still deserves its place."""

    limits = ConnectionLimits()
    peer = ""
    client_host = ""
    connections: set[Any]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, if need be that of a connection without a request."""
        super().connection_made(transport)
        self.peer = peer_of(self.client)
        self.client_host = self.client[0] if self.client else ""
        self._waiting_since = self.loop.time()
        self._unread = _Unread()
        self.logger = _logger
        transport.set_write_buffer_limits(high=UNREAD_BYTES)
        _limit_unsent(transport)
        take_place(self)

    @property
    def answering(self) -> bool:
        """Whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def rank(self) -> tuple[bool, float]:
        """Among connections without a request: those that never had one go first, of them the oldest."""
        return self.cycle is not None, self._waiting_since

    def on_response_complete(self) -> None:
        """Wait for another request from now on."""
        super().on_response_complete()
        self._waiting_since = self.loop.time()

    def end_if_overdue(self, now: float) -> None:
        """Close the connection if its client has not asked, or not read, for too long."""
        if self._head_is_overdue(now) or self._reading_is_overdue(now):
            reset(self.transport)

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over, unless its head holds what the other side of it cannot read."""
        if all(value.isascii() for _, value in event.headers):
            super().handle_websocket_upgrade(event)
        else:
            self.send_400_response("not ASCII")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, or too long a head, in the form of every other error."""
        limit = self.limits.max_head_bytes
        if len(self.conn.trailing_data[0]) > limit:
            error = f"the request's line and headers are longer than {limit} bytes, expected fewer"
            told = bare_answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, error, "too_large")
        else:
            told = bare_answer(HTTPStatus.BAD_REQUEST, "the request is not HTTP/1.1", "bad_request")
        self.transport.write(told)
        self.transport.close()

    def _head_is_overdue(self, now: float) -> bool:
        return not self.answering and now - self._waiting_since > self.limits.head_timeout_s

    def _reading_is_overdue(self, now: float) -> bool:
        since = self._unread.since(self.transport.get_write_buffer_size(), now)
        return since is not None and now - since > self.limits.write_timeout_s


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket, which keeps its place as long as its client reads, and says next to nothing.

    Nobody listens to what it says: pongs are heard, pings answered, texts and bytes let go. Each frame costs
    the loop, however short it is, so whoever sends more than pings and pongs is cut off before that is looked
    at.
    """

    limits = ConnectionLimits()
    peer = ""
    answering = True
    rank = (True, 0.0)

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.conn = _Opening(max_size=self.config.ws_max_size, logger=_logger)

    def connection_made(self, transport: Any) -> None:
        """Take the place of the request that asked for it."""
        super().connection_made(transport)
        self.peer = peer_of(self.client)
        self.logger = _logger
        self._unread = _Unread()
        self._allowance = _Allowance(HEARD_BYTES, HEARD_BYTES_A_S)

    def data_received(self, data: bytes) -> None:
        """Take the head of the request, which is bounded elsewhere, and a little afterwards."""
        if not self.handshake_initiated or self._allowance.allows(len(data), self.loop.time()):
            super().data_received(data)
        else:
            reset(self.transport)

    def handle_text(self, event: object) -> None:
        """Let a text go."""

    def handle_bytes(self, event: object) -> None:
        """Let bytes go."""

    def handle_cont(self, event: object) -> None:
        """Let the rest of a message go."""

    def end_if_overdue(self, now: float) -> None:
        """Close the connection if its client has not read for too long."""
        since = self._unread.since(self.transport.get_write_buffer_size(), now)
        if since is not None and now - since > self.limits.write_timeout_s:
            reset(self.transport)


class _Opening(ServerProtocol):
    """Refuses what is no handshake with the headers of every answer."""

    def reject(self, status: Any, text: str) -> Response:
        """An answer with an error."""
        answer = super().reject(status, text)
        for name, value in HEADERS.items():
            answer.headers[name] = value
        return answer


def bare_answer(status: HTTPStatus, error: str, kind: str) -> bytes:
    """An error to what never becomes a request, with the headers of every answer."""
    body = json.dumps({"error": error, "kind": kind})
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in HEADERS.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def take_place(newcomer: Any) -> None:
    """See that there is a place for a connection that was made, if need be that of one without a request."""
    limits: ConnectionLimits = newcomer.limits
    alive = [other for other in newcomer.connections if not other.transport.is_closing()]
    of_peer = [other for other in alive if other.peer == newcomer.peer]
    of_proxy = newcomer.client_host in limits.proxies
    if len(of_peer) > limits.max_connections_per_peer and not of_proxy:
        _make_room(newcomer, of_peer)
    elif len(alive) > limits.max_connections:
        _make_room(newcomer, alive)


def _make_room(newcomer: Any, among: Collection[Any]) -> None:
    idle = [other for other in among if other is not newcomer and not other.answering]
    leaving = min(idle, key=lambda other: other.rank) if idle else newcomer
    leaving.transport.abort()


async def end_overdue(connections: Collection[Any], limits: ConnectionLimits) -> None:
    """Look at every connection again and again, until cancelled. The collection may change meanwhile."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(limits.sweep_s)
        for connection in tuple(connections):
            connection.end_if_overdue(loop.time())


def reset(transport: asyncio.Transport) -> None:
    """Close at once; what was not read is forgotten here, too, and not kept for a client that may read it."""
    opened = transport.get_extra_info("socket")
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _limit_unsent(transport: asyncio.Transport) -> None:
    opened = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if opened is not None and option is not None:
        with contextlib.suppress(OSError):  # not TCP
            opened.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
