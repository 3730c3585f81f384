"""A connection until its TLS handshake is done, bounded and counted like every other one.

uvicorn, told to speak TLS, learns of a connection only once its handshake is over: those that never begin one
would keep their descriptors for a minute, as many as anybody likes, and each would be served with the
certificate of the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from streamtrack.http.connections import (
    UNREAD_BYTES,
    ConnectionLimits,
    LimitedProtocol,
    reset,
    take_place,
)
from streamtrack.http.peers import peer_of
from streamtrack.http.tls import Certificate

GOODBYE_S = 1.0
"""How long a client may take to answer the end of its connection."""


class TlsHandshake(asyncio.Protocol):
    """Makes a handshake, then gives the connection to the protocol that speaks HTTP."""

    limits = ConnectionLimits()
    certificate: Certificate
    http: Callable[..., LimitedProtocol]
    answering = False
    transport: asyncio.Transport

    def __init__(self, *, server_state: Any, **given: Any) -> None:
        """Arguments as of the protocol that takes over."""
        self._make: Callable[[], LimitedProtocol] = partial(self.http, server_state=server_state, **given)
        self._loop = asyncio.get_running_loop()
        self.connections: set[Any] = server_state.connections
        self.peer, self.client_host = "", ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, and begin."""
        self.transport = transport
        address = transport.get_extra_info("peername")
        self.client_host, self.peer = (address[0] if address else ""), peer_of(address)
        self._since = self._loop.time()
        self.connections.add(self)
        transport.pause_reading()  # what comes is for the handshake
        transport.set_write_buffer_limits(high=UNREAD_BYTES)
        take_place(self)
        self._task = self._loop.create_task(self._shake(), name="tls-handshake")

    @property
    def rank(self) -> tuple[bool, float]:
        """Among connections without a request."""
        return False, self._since

    def end_if_overdue(self, now: float) -> None:
        """Close a connection whose client takes too long."""
        if now - self._since > self.limits.head_timeout_s:
            reset(self.transport)

    def shutdown(self) -> None:
        """Give up."""
        self.transport.abort()

    async def _shake(self) -> None:
        early = _Early()
        try:
            tls = await self._loop.start_tls(
                self.transport,
                early,
                self.certificate.context,
                server_side=True,
                ssl_handshake_timeout=self.limits.head_timeout_s,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except OSError:  # it speaks no TLS, or none that we accept, or has gone
            return
        finally:
            self.connections.discard(self)
        if tls is None or tls.is_closing() or early.is_lost:
            return
        protocol = self._make()
        protocol.connection_made(tls)
        tls.set_protocol(protocol)
        if early.received:
            protocol.data_received(bytes(early.received))


class _Early(asyncio.Protocol):
    """Keeps what comes right behind the handshake until somebody reads it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that nobody is there."""
        self.is_lost = True
