"""HTTP and RTSP servers on 127.0.0.1 that answer as a test says, and keep every request they saw."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np

from tests.support.ingest import http_server, tcp_server


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in small letters."""


@dataclass
class Log:
    """What a server saw, and where it listens."""

    port: int = 0
    requests: list[Seen] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [seen.target for seen in self.requests]

    @property
    def authorizations(self) -> list[str]:
        """The Authorization headers that came, in order."""
        return [seen.headers["authorization"] for seen in self.requests if "authorization" in seen.headers]


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer. A body without a length in the headers gets one."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@contextlib.contextmanager
def scripted_http(answer: Callable[[Seen], Answer], *, keep_alive: bool = False) -> Iterator[Log]:
    """A HTTP server; with `keep_alive` it leaves connections open after what it has sent."""
    log = Log()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keep_alive else "HTTP/1.0"

        def do_GET(self) -> None:
            seen = Seen("GET", self.path, {name.lower(): value for name, value in self.headers.items()})
            log.requests.append(seen)
            given = answer(seen)
            self.send_response(given.status)
            for name, value in ({"Content-Length": str(len(given.body))} | dict(given.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http_server(Handler) as port:
        log.port = port
        yield log


@contextlib.contextmanager
def scripted_rtsp(answer: Callable[[Seen], Answer]) -> Iterator[Log]:
    """A RTSP server that speaks and sends no media."""
    log = Log()

    def serve(client: socket.socket, over: threading.Event) -> None:
        data = b""
        while not over.is_set():
            while b"\r\n\r\n" not in data:
                piece = client.recv(4096)
                if not piece:
                    return
                data += piece
            head, _, data = data.partition(b"\r\n\r\n")
            first, *rest = head.decode().split("\r\n")
            method, target, _ = first.split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
            }
            seen = Seen(method, target, headers)
            log.requests.append(seen)
            given = answer(seen)
            lines = [f"RTSP/1.0 {given.status} Reason", f"CSeq: {headers['cseq']}"]
            lines += [f"{name}: {value}" for name, value in given.headers.items()]
            lines += [f"Content-Length: {len(given.body)}"] if given.body else []
            client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + given.body)

    with tcp_server(serve) as port:
        log.port = port
        yield log


def jpeg(brightness: int, size: tuple[int, int] = (48, 64)) -> bytes:
    """A grey picture, (height, width)."""
    encoded: bytes = cv2.imencode(".jpg", np.full((*size, 3), brightness, np.uint8))[1].tobytes()
    return encoded
