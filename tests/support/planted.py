"""A server in which everything is secret that can be, and all that comes out of it."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
import zmq

from streamtrack.access.key_file import KeyFile
from streamtrack.access.roles import Role
from streamtrack.client import ClientKeys
from tests.support.certificates import Authority
from tests.support.masks import keypair
from tests.support.process import started, streamtrack
from tests.support.scripted_servers import Answer, Seen, scripted_http, scripted_rtsp

SOON_S = 60.0
LIFE_S = 280.0
"""Of the server: everything is asked of it, on a busy machine."""
MAX_ANSWER_BYTES = 200_000
ENOUGH_S = 0.5
"""How long an answer without end is read."""
SILENCE_S = 2.0
"""After which an answer without end is let go."""
LISTEN_MS = 2_000
"""How long published messages are listened to: masks of several frames, events of cameras that are away."""
NAMES = (
    *("RTSP_PASSWORD", "QUERY_TOKEN", "HTTP_TOKEN", "TLS_PASSWORD", "HOOK_URL", "HOOK_SECRET", "HOOK_TOKEN"),
    *("TURN_PASSWORD", "TURN_SECRET", "PUSH_KEY", "PUSH_TOKEN", "ADDED_PASSWORD", "ARGUMENT_PASSWORD"),
)


@dataclass
class Found:
    """Everything that came out."""

    planted: dict[str, str]
    texts: dict[str, bytes] = field(default_factory=dict)
    """By where it came out."""

    def add(self, where: str, data: bytes | str) -> None:
        """Keep what came out."""
        self.texts[where] = data.encode() if isinstance(data, str) else data

    def has(self, words: bytes, where: str) -> bool:
        """Whether something stands in what came out at a place that begins so."""
        return any(words in data for place, data in self.texts.items() if place.startswith(where))

    def leaks(self) -> list[str]:
        """Which secret stands where, in any spelling that gives it away."""
        return [
            f"{name} in {where}"
            for name, secret in self.planted.items()
            for where, data in self.texts.items()
            if any(spelling in data for spelling in spellings(secret))
        ]


def spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    return {raw, base64.b64encode(raw), raw.hex().encode(), json.dumps(secret)[1:-1].encode()}


def config_of(
    folder: Path, rtsp_port: int, http_port: int, files: dict[str, str], public: str
) -> dict[str, Any]:
    synthetic = {"url": "synthetic:crossing?width=160&height=90&fps=5"}
    return {
        "model": {"name": "nano", "threads": 1},
        "streams": [
            {
                "name": "scene",
                "source": synthetic,
                "autoprompt": {"kind": "scene"},
                "recording": "continuous",
                "push": [
                    {"url": "rtmp://127.0.0.1:1/live/${PUSH_KEY}"},
                    {"url": "whip+http://127.0.0.1:1/whip", "token": "${PUSH_TOKEN}"},
                ],
            },
            {"name": "refused", "source": {"url": f"rtsp://user:${{RTSP_PASSWORD}}@127.0.0.1:{rtsp_port}/x"}},
            {"name": "nowhere", "source": {"url": "rtsp://user:${RTSP_PASSWORD}@camera.invalid/x"}},
            {"name": "picture", "source": {"url": f"http://127.0.0.1:{http_port}/x?token=${{QUERY_TOKEN}}"}},
        ],
        "http": {"port": 0, "token": "${HTTP_TOKEN}", "tls_key_password": "${TLS_PASSWORD}", **files},
        "zmq": {
            "masks_address": "tcp://127.0.0.1:*",
            "control_address": "tcp://127.0.0.1:*",
            "curve": {
                "server_public_key": public,
                "server_secret_key": "${CURVE_SECRET}",
                "admins": {"test": "${CLIENT_PUBLIC}"},
            },
        },
        "webrtc": {
            "ice_servers": [
                {
                    "urls": ["turn:127.0.0.1:1"],
                    "username": "user",
                    "credential": "${TURN_PASSWORD}",
                    "used_by": "server",
                },
                {"urls": ["turn:127.0.0.1:2"], "secret": "${TURN_SECRET}"},
            ]
        },
        "alerts": {
            "webhooks": [
                {
                    "name": "hook",
                    "url": "http://127.0.0.1:1/${HOOK_URL}",
                    "secret": "${HOOK_SECRET}",
                    "token": "${HOOK_TOKEN}",
                    "kinds": ["added", "source_lost", "lost"],
                }
            ]
        },
        "archive": {"folder": str(folder / "archive")},
        "cameras": {"state_dir": str(folder / "state")},
    }


class Run:
    """A server that runs, and what is done to it."""

    def __init__(
        self, found: Found, process: Any, lines: list[str], authority: Authority, keys: ClientKeys
    ) -> None:
        self.found, self.process, self.lines, self.keys = found, process, lines, keys
        self.page = self.told("page ").rstrip("/")
        token = found.planted["HTTP_TOKEN"]
        self.api = httpx.Client(
            base_url=self.page,
            headers={"Authorization": f"Bearer {token}"},
            verify=authority.client(),
            timeout=20,
        )
        self.stranger = httpx.Client(base_url=self.page, verify=authority.client(), timeout=20)

    def told(self, word: str) -> str:
        """An address that was printed."""
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            for line in tuple(self.lines):
                if line.startswith(word):
                    return line.split()[1]
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.05)
        raise AssertionError(f"nothing was said of {word!r}: {''.join(self.lines)}")

    def wait_for_log(self, words: str) -> None:
        deadline = time.monotonic() + SOON_S
        while not any(words in line for line in tuple(self.lines)):
            assert time.monotonic() < deadline, f"{words!r} was not said: {''.join(self.lines)}"
            time.sleep(0.05)

    def ask(self, method: str, path: str, client: httpx.Client | None = None, **given: Any) -> int:
        """Ask once, and keep the answer, of those without end what comes first."""
        where = f"{method} {path} {len(self.found.texts)}"
        enough_s = time.monotonic() + ENOUGH_S
        try:
            with (client or self.api).stream(
                method, path, timeout=httpx.Timeout(20, read=SILENCE_S if method == "GET" else 20), **given
            ) as answer:
                body = f"{answer.status_code} {answer.headers}".encode()
                self.found.add(where, body)
                for part in answer.iter_bytes():
                    body += part
                    self.found.add(where, body)
                    if len(body) > MAX_ANSWER_BYTES or time.monotonic() > enough_s:
                        break
        except httpx.ReadTimeout:
            return 0
        return answer.status_code

    def ask_everything(self) -> int:
        """Every route of the API that may be asked without harm, in each role and as a stranger; how many."""
        routes = self.api.get("/openapi.json").json()["paths"]
        paths = [path for path, methods in routes.items() if "get" in methods]
        for path in paths:
            for stream in ("scene", "refused") if "{name}" in path else ("",):
                filled = re.sub(r"\{[^}]*\}", "1", path.replace("{name}", stream))
                self.ask("GET", filled)
                self.ask("GET", filled, self.stranger)
            for key in ("VIEW_KEY", "CONTROL_KEY"):
                bearer = {"Authorization": f"Bearer {self.found.planted[key]}"}
                self.ask("GET", filled, self.stranger, headers=bearer)
        self.ask("POST", "/streams", json={})
        self.ask("POST", "/streams/test", json={})
        return len(paths)

    def listen(self) -> int:
        """Masks and events, as they are published; how many came."""
        count = 0
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            self.keys.apply(socket)
            socket.linger = 0
            socket.subscribe(b"")
            socket.connect(self.told("masks "))
            deadline = time.monotonic() + LISTEN_MS / 1e3
            while (left_ms := (deadline - time.monotonic()) * 1e3) > 0:
                if socket.poll(int(left_ms)):
                    self.found.add(f"published message {count}", socket.recv())
                    count += 1
        return count

    def command(self, request: dict[str, Any]) -> None:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            self.keys.apply(socket)
            socket.linger = 0
            socket.connect(self.told("control "))
            socket.send(json.dumps(request).encode())
            assert socket.poll(int(SOON_S * 1e3))
            self.found.add(f"reply to {request.get('op')} {len(self.found.texts)}", socket.recv())

    def look_at_processes(self) -> None:
        """Titles of the process and its children, names of its threads."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(folder.name) == self.process.pid or int(stat[1]) == self.process.pid:
                    self.found.add(f"title of {folder.name}", (folder / "cmdline").read_bytes())
                    for task in (folder / "task").iterdir():
                        self.found.add(f"thread {task.name}", (task / "comm").read_bytes())
            except OSError:
                continue  # it has ended


@contextmanager
def served(found: Found, folder: Path, run_folder: Path) -> Iterator[Run]:
    """A server with everything in it that has a secret."""
    authority, (public, secret), client = Authority(), keypair(), keypair()
    found.planted.update(CURVE_SECRET=secret, CLIENT_SECRET=client[1])
    keys = KeyFile(run_folder / "state" / "keys.json")
    for role in (Role.VIEW, Role.CONTROL):
        _, token = keys.make(role.value, role, datetime.now(UTC))
        found.planted[f"{role.name}_KEY"] = token
    files = authority.write(folder, password=found.planted["TLS_PASSWORD"].encode())
    refuse = Answer(401, {"WWW-Authenticate": 'Basic realm="camera"'})

    def forbid(seen: Seen) -> Answer:
        return Answer(404, {}, seen.target.encode())  # says what it was asked, as many do

    with ExitStack() as stack:
        rtsp = stack.enter_context(scripted_rtsp(lambda _: refuse))
        http = stack.enter_context(scripted_http(forbid))
        tls = {"tls_certificate": str(files.certificate), "tls_key": str(files.key)}
        config = folder / "live.yaml"
        config.write_text(yaml.safe_dump(config_of(run_folder, rtsp.port, http.port, tls, public)))
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            **found.planted,
            "CLIENT_PUBLIC": client[0],
            "XDG_CACHE_HOME": str(run_folder / "cache"),
        }
        extra = f"rtsp://user:{found.planted['ARGUMENT_PASSWORD']}@127.0.0.1:{rtsp.port}/y"
        command = streamtrack("--debug", "serve", str(config), "--set", f"streams.1.source.url={extra}")
        process = stack.enter_context(started(*command, env=env, errors=subprocess.STDOUT, life_s=LIFE_S))
        lines: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lines.extend, args=(process.stdout,))
        reader.start()
        run = Run(found, process, lines, authority, ClientKeys(public, *client))
        stack.callback(run.api.close)
        stack.callback(run.stranger.close)
        run_folder.joinpath("port").write_text(str(rtsp.port))
        yield run
        process.kill()
        reader.join(SOON_S)
        found.add("the log", "".join(lines))
