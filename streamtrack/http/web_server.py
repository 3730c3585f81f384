"""An HTTP server inside our own event loop: uvicorn without its signal handlers, on a socket that is bound
first."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from streamtrack.errors import PublishError
from streamtrack.http.connections import ConnectionLimits, LimitedProtocol, LimitedWebSocket, end_overdue
from streamtrack.http.tls import Certificate
from streamtrack.http.tls_handshake import TlsHandshake

CONNECTIONS_WAITING = 128
"""Connections that the kernel keeps until they are accepted."""
CERTIFICATE_PERIOD_S = 5.0
"""How often it is looked whether the files of the certificate have changed."""
KEEP_ALIVE_S = 5
"""How long a connection is kept open for a next request."""
MAX_HEARD_BYTES = 4096
"""Of what a WebSocket's client says, which nobody listens to."""
SHUTDOWN_S = 1
"""How long answers under way may take once the server stops."""
START_TIMEOUT_S = 5.0


def bind_http(host: str, port: int) -> socket.socket:
    """A bound and listening socket.

    Raises:
        PublishError: the port is in use, or the host is not an address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise PublishError(f"http.host is {host!r}, expected an address of this machine: {error}") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Lets a restart take the port over from connections that still linger; on Linux it shares nothing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(CONNECTIONS_WAITING)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PublishError(f"http: port {port} of {host} is in use, expected a free one") from error
        raise PublishError(f"http: cannot listen on port {port} of {host}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


class WebServer:
    """Serves an app on a bound socket until told to stop."""

    def __init__(
        self,
        app: FastAPI,
        listener: socket.socket,
        limits: ConnectionLimits | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        """`certificate`: speak TLS with it."""
        self._limits = limits or ConnectionLimits()
        self._certificate = certificate
        http: type[Any] = type("_Protocol", (LimitedProtocol,), {"limits": self._limits})
        if certificate is not None:
            facts = {"limits": self._limits, "certificate": certificate, "http": http}
            http = type("_Handshake", (TlsHandshake,), facts)
        config = uvicorn.Config(
            app,
            http=http,
            ws=type("_WebSocket", (LimitedWebSocket,), {"limits": self._limits}),
            ws_max_size=MAX_HEARD_BYTES,
            ws_per_message_deflate=False,  # masks are packed already, and pictures of processor time are dear
            lifespan="off",
            log_config=None,
            access_log=False,  # it would write `?token=` down
            server_header=False,
            # Not `limit_concurrency`: it counts connections that never ask, and refuses /healthz as well.
            timeout_keep_alive=KEEP_ALIVE_S,
            h11_max_incomplete_event_size=self._limits.max_head_bytes,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        self._server = _QuietServer(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Serve from now on.

        Raises:
            PublishError: it did not start.
        """
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="http")
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not self._server.started:
            if self._task.done() or asyncio.get_running_loop().time() > deadline:
                raise PublishError("http: the server did not start, see the log")
            await asyncio.sleep(0.01)
        connections = self._server.server_state.connections
        self._tasks.append(asyncio.create_task(end_overdue(connections, self._limits), name="http-sweep"))
        if self._certificate is not None:
            watch = _refresh_at_times(self._certificate)
            self._tasks.append(asyncio.create_task(watch, name="http-certificate"))

    async def reload_certificate(self) -> None:
        """Read certificate and key again, and log what became of it."""
        if self._certificate is not None:
            await asyncio.to_thread(self._certificate.reload)

    def stop_soon(self) -> None:
        """Accept nothing more."""
        self._server.should_exit = True

    async def stop(self) -> None:
        """Stop; answers under way get SHUTDOWN_S."""
        self.stop_soon()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SHUTDOWN_S)
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=SHUTDOWN_S + 1)
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=SHUTDOWN_S)
        self._listener.close()


async def _refresh_at_times(certificate: Certificate) -> None:
    """Notice a certificate that was renewed."""
    while True:
        await asyncio.sleep(CERTIFICATE_PERIOD_S)
        await asyncio.to_thread(certificate.refresh)


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop: they stop the cameras too."""
        yield
