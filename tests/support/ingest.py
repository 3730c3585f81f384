"""What the tests of ingest share: an Ingest with its mailbox and counters, and waits that end."""

from __future__ import annotations

import contextlib
import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streamtrack.config import ReconnectConfig, SourceConfig
from streamtrack.frame import Frame
from streamtrack.ingest import Ingest
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.telemetry import Telemetry

PATIENCE_S = 15.0
"""No wait of these tests is longer; a busy machine needs a fraction of it."""
QUICK_RECONNECT = ReconnectConfig(first_delay_ms=50, max_delay_ms=200)


@dataclass
class Running:
    """An Ingest at work."""

    ingest: Ingest
    mailbox: Mailbox[Frame]
    telemetry: Telemetry

    def next_frame(self, patience_s: float = PATIENCE_S) -> Frame:
        """The next frame; a failure where none comes."""
        frame = self.mailbox.get(patience_s)
        assert frame is not None, (
            f"no frame in {patience_s} s, state {self.ingest.state}: {self.ingest.last_error}"
        )
        return frame

    def frames_to_the_end(self) -> list[Frame]:
        """Every frame until the mailbox closes."""
        frames = []
        with contextlib.suppress(MailboxClosed):
            while True:
                frames.append(self.next_frame())
        return frames

    def dropped(self, reason: str) -> float:
        """The counter of frames dropped for a reason."""
        labels = {"stream": "cam", "reason": reason}
        return self.telemetry.registry.get_sample_value("streamtrack_frames_dropped_total", labels) or 0.0

    def counter(self, name: str) -> float:
        """A counter or gauge of the stream."""
        return self.telemetry.registry.get_sample_value(name, {"stream": "cam"}) or 0.0


@contextlib.contextmanager
def running(config: SourceConfig, capacity: int = 1) -> Iterator[Running]:
    """Start an Ingest, and stop it at the end."""
    telemetry = Telemetry()
    mailbox: Mailbox[Frame] = Mailbox(capacity)
    ingest = Ingest(config, mailbox, telemetry.stream("cam"))
    ingest.start()
    try:
        yield Running(ingest, mailbox, telemetry)
    finally:
        ingest.stop()


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition; a failure that names it where it does not come true."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def tcp_server(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A TCP server that treats every client as `behave` says, until the event is set; yields its port."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                behave(self.request, over)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            over.set()
            server.shutdown()
            thread.join(timeout=5)


@contextlib.contextmanager
def http_server(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """A HTTP server with a handler class; yields its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class QuietFileHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def folder_server(folder: Path) -> contextlib.AbstractContextManager[int]:
    """Serve a folder over HTTP; yields the port."""
    return http_server(partial(QuietFileHandler, directory=str(folder)))
