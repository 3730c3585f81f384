"""A hub with one model, as the Hugging Face hub answers; what it says and sends can be spoilt."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HUB_DATA = b"weights" * 5000
HUB_CONFIG = b'{"model_type": "sam2_video"}'
HUB_MODEL_ID = "someone/sam2.1-hiera-tiny"


class Hub:
    """A hub with one model; what it says and sends can be spoilt."""

    def __init__(self) -> None:
        self.data = HUB_DATA
        self.linked_etag: str | None = f'"{hashlib.sha256(HUB_DATA).hexdigest()}"'
        self.config_etag = hashlib.sha1(b"blob %d\0" % len(HUB_CONFIG) + HUB_CONFIG).hexdigest()
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(head=True)

            def do_GET(self) -> None:
                self._answer(head=False)

            def _answer(self, *, head: bool) -> None:
                outer.paths.append(f"{self.command} {self.path}")
                prefix = f"/{HUB_MODEL_ID}/resolve/main/"
                if self.path == f"{prefix}model.safetensors":
                    # As the hub does: on to where large files lie.
                    self.send_response(302)
                    self.send_header("Location", "/cdn")
                    self.send_header("X-Linked-Size", str(len(HUB_DATA)))
                    if outer.linked_etag is not None:
                        self.send_header("X-Linked-ETag", outer.linked_etag)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                bodies = {"/cdn": outer.data, f"{prefix}config.json": HUB_CONFIG}
                body = bodies.get(self.path)
                self.send_response(404 if body is None else 200)
                if body == HUB_CONFIG:
                    self.send_header("ETag", f'"{outer.config_etag}"')
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if not head and body is not None:
                    with contextlib.suppress(ConnectionError):
                        self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Hub]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join(timeout=10)
            self._http.server_close()
