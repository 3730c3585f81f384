"""Who receives alerts in tests: a webhook that remembers what it was sent, and a real broker."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from streamtrack.frame import Event, EventKind
from tests.support.waiting import wait_until


def entered(number: int, **detail: Any) -> Event:
    return Event(
        EventKind.ENTERED, number, number, {"rule": "yard", "class": "person", "label": "", **detail}
    )


@dataclass
class Hook:
    """A webhook that can be taken away and brought back on the same port."""

    statuses: list[int] = field(default_factory=list)
    """What the next requests are answered with; 204 once it is empty."""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Head, names in lower case, and body of each, in their order."""
    before_answer: Callable[[], object] = lambda: None
    location: str = ""
    port: int = 0
    _server: http.server.ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [head["webhook-id"] for head, _ in self.requests]

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]

    def plug_in(self) -> None:
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
                hook.before_answer()
                self.send_response(hook.statuses.pop(0) if hook.statuses else 204)
                if hook.location:
                    self.send_header("location", hook.location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def unplug(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextlib.contextmanager
def hooked() -> Iterator[Hook]:
    hook = Hook()
    hook.plug_in()
    try:
        yield hook
    finally:
        hook.unplug()


@dataclass
class Broker:
    """mosquitto, which keeps its sessions over a restart."""

    folder: Path
    port: int
    lines: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        text = [
            f"listener {self.port} 127.0.0.1",
            "user root",  # started by root it would become one who cannot read the test's folder
            "persistence true",
            f"persistence_location {self.folder}/",
            "max_queued_messages 10000",
            *(self.lines or ("allow_anonymous true",)),
        ]
        config.write_text("\n".join(text) + "\n")
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._listens, "the broker's port")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def broker(folder: Path, *lines: str) -> Iterator[Broker]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        running = Broker(folder, probe.getsockname()[1], lines)
    try:
        running.start()
        yield running
    finally:
        running.stop()


class Subscriber:
    """Keeps everything that is published, by topic; its session outlives a restart of the broker."""

    def __init__(self, port: int, user: str | None = None, password: str | None = None) -> None:
        self.messages: dict[str, list[bytes]] = {}
        self._here = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="subscriber", clean_session=False)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._here.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port, 30)
        self._client.loop_start()
        assert self._here.wait(30)

    def of(self, topic: str) -> list[str]:
        return [payload.decode() for payload in self.messages.get(topic, [])]

    def newest(self, topic: str) -> str | None:
        told = self.of(topic)
        return told[-1] if told else None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: Any, data: Any, message: Any) -> None:
        self.messages.setdefault(message.topic, []).append(bytes(message.payload))
