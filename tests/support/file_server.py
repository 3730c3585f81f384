"""A real HTTP server that hands out one file, as badly as a test wants it to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ETAG = '"version-1"'


class FileServer:
    """Answers request number n with behaviour n; the last one repeats."""

    def __init__(self, data: bytes, *behaviours: Behaviour) -> None:
        self.data = data
        self.requests: list[Mapping[str, str]] = []
        """Headers of every request, in order of arrival."""
        self.stopping = threading.Event()
        self._behaviours = behaviours or (whole,)
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with outer._lock:
                    number = len(outer.requests)
                    outer.requests.append(dict(self.headers.items()))
                with contextlib.suppress(ConnectionError):  # the client may leave whenever it likes
                    outer._behaviours[min(number, len(outer._behaviours) - 1)](self, outer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/file.pt"

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of every request."""
        return [headers.get("Range") for headers in self.requests]

    @contextlib.contextmanager
    def running(self) -> Iterator[FileServer]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self._http.shutdown()
            thread.join(timeout=10)
            self._http.server_close()


Behaviour = Callable[[BaseHTTPRequestHandler, FileServer], None]


def _first_byte(handler: BaseHTTPRequestHandler) -> int:
    return int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def _head(handler: BaseHTTPRequestHandler, start: int, total: int, etag: str = ETAG) -> None:
    """Status line and headers of a server that knows ranges, for the bytes from `start` on."""
    handler.send_response(206 if start else 200)
    handler.send_header("ETag", etag)
    handler.send_header("Content-Length", str(total - start))
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    handler.end_headers()


def whole(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """As it should be."""
    start = _first_byte(handler)
    _head(handler, start, len(server.data))
    handler.wfile.write(server.data[start:])


def cut_after(num_bytes: int) -> Behaviour:
    """Promises everything, sends `num_bytes`, closes."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        start = _first_byte(handler)
        _head(handler, start, len(server.data))
        handler.wfile.write(server.data[start : start + num_bytes])

    return answer


def wrong_byte(at: int, *, cut: int | None = None) -> Behaviour:
    """One byte differs; after `cut` bytes the connection closes."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        start = _first_byte(handler)
        data = bytearray(server.data)
        data[at] ^= 0xFF
        _head(handler, start, len(data))
        handler.wfile.write(data[start : None if cut is None else start + cut])

    return answer


def no_ranges(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """Sends the file from its start, whatever was asked for."""
    _head(handler, 0, len(server.data))
    handler.wfile.write(server.data)


def wrong_range(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """Answers another range than the one asked for."""
    _head(handler, _first_byte(handler) + 1, len(server.data))
    handler.wfile.write(server.data[_first_byte(handler) + 1 :])


def claims_length(num_bytes: int) -> Behaviour:
    """Lies about the length and sends as much as it has."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        _head(handler, 0, num_bytes)
        handler.wfile.write(server.data[:num_bytes])

    return answer


def no_length(extra: bytes = b"") -> Behaviour:
    """Names no length, sends the file and `extra`, closes."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(server.data + extra)

    return answer


def status(code: int, **headers: str) -> Behaviour:
    """Only a status."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hang_after(num_bytes: int) -> Behaviour:
    """Sends `num_bytes`, then nothing, and keeps the connection."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        start = _first_byte(handler)
        _head(handler, start, len(server.data))
        handler.wfile.write(server.data[start : start + num_bytes])
        handler.wfile.flush()
        server.stopping.wait(timeout=60)

    return answer


def mute(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """Takes the request and never answers."""
    server.stopping.wait(timeout=60)


def drip(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
    """A byte every 20 ms: each receive is in time, the file never comes."""
    _head(handler, 0, len(server.data))
    for value in server.data:
        if server.stopping.wait(timeout=0.02):
            return
        handler.wfile.write(bytes([value]))
        handler.wfile.flush()


def slow(seconds: float) -> Behaviour:
    """The whole file in ten pieces spread over `seconds`."""

    def answer(handler: BaseHTTPRequestHandler, server: FileServer) -> None:
        start = _first_byte(handler)
        _head(handler, start, len(server.data))
        piece = len(server.data) // 10 + 1
        for first in range(start, len(server.data), piece):
            if server.stopping.wait(timeout=seconds / 10):
                return
            handler.wfile.write(server.data[first : first + piece])
            handler.wfile.flush()

    return answer
