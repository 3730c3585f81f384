"""A network camera for tests: motion JPEG over HTTP. Its pictures tell their number, and it can be unplugged.

Two discs stand on grey ground, which nano follows well; the number is written as in `tests.support.video`.
"""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Collection

import cv2

from streamtrack.frame import Image
from tests.support.video import CODE_BITS, picture

DISCS = {"red": (80, 70), "blue": (220, 80)}
"""Centres in pixels."""
EMPTY = (150, 30)
"""Ground without anything, where nano finds nothing."""
RADIUS = 24
COLOURS = {"red": (200, 60, 60), "blue": (60, 80, 210)}


def scene(number: int, hidden: Collection[str] = ()) -> Image:
    """(HEIGHT, WIDTH, 3) uint8 RGB: a number, and the discs that are not hidden."""
    image = picture(number)
    for name, centre in DISCS.items():
        if name in hidden:
            continue
        colour = COLOURS[name]
        cv2.circle(image, centre, RADIUS, colour, -1, cv2.LINE_AA)
        cv2.circle(image, centre, RADIUS // 2, tuple(round(0.6 * value) for value in colour), -1, cv2.LINE_AA)
    return image


class Camera:
    """Serves from a thread between `plug_in` and `unplug`, always on the same port."""

    def __init__(self, fps: float = 5, draw: Callable[[int, Collection[str]], Image] = scene) -> None:
        self.fps = fps
        self.draw = draw
        self.hidden: frozenset[str] = frozenset()
        """Discs that are out of sight."""
        self._number = 0
        self.num_sent = 0
        """Pictures that were written to whoever watches."""
        self._out = threading.Event()
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        """Given by the system the first time, and kept."""
        self.plug_in()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def plug_in(self) -> None:
        """Serve from now on; does nothing while it does."""
        if self._server is not None:
            return
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._send(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._out.clear()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="camera"
        ).start()

    def unplug(self) -> None:
        """Break every connection and accept none; does nothing the second time."""
        if self._server is None:
            return
        self._out.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def _send(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        handler.end_headers()
        due = time.monotonic()
        while not self._out.is_set():
            self._number = (self._number + 1) % (1 << CODE_BITS)
            bgr = cv2.cvtColor(self.draw(self._number, self.hidden), cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                handler.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            self.num_sent += 1
            due = max(due + 1 / self.fps, time.monotonic())
            self._out.wait(due - time.monotonic())
