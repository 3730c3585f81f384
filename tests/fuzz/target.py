"""A real server in a process of its own, with nano and a small picture, and what it takes: processor time,
memory, descriptors, and how long /healthz waits."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from tests.support.process import START_S, streamtrack
from tests.support.waiting import wait_until

SCENE = "synthetic:leave?width=160&height=96&fps={fps}"
CLIP = "synthetic:leave?width=160&height=96&frames=3"
"""Three frames that stay: commands work on them, and nothing else is done."""
TROUBLE = re.compile(r"Traceback|never retrieved|never awaited|[A-Z]\w+Error: |' failed: |a command failed")
"""What a server's log holds where something was not foreseen."""
MIN_FREE_FILES = 4096


@dataclass
class Target:
    """A server that runs."""

    url: str
    control_address: str
    masks_address: str
    folder: Path
    process: psutil.Process
    token: str | None = None
    _log: Path = field(default_factory=Path)
    _seen: int = 0

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def api(self, token: str | None = None, timeout_s: float = 60) -> httpx.Client:
        given = token or self.token
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def cpu_s(self) -> float:
        """Processor time that it has taken so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        return float(self.process.memory_info().rss) / 1e6

    def descriptors(self) -> int:
        return int(self.process.num_fds())

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def check_sound(self) -> None:
        """Raise AssertionError where it died, does not answer, or logged what nobody foresaw."""
        assert self.process.is_running(), self.log()[-4000:]
        assert self.process.status() != psutil.STATUS_ZOMBIE, self.log()[-4000:]
        with self.api() as api:
            assert api.get("/healthz").status_code == 200
        log = self.log()[self._seen :]
        self._seen += len(log)  # what is told once is told of the test that caused it
        found = TROUBLE.search(log)
        assert found is None, log[max(0, found.start() - 1500) : found.start() + 3000]

    def settle(self, descriptors: int, timeout_s: float = 60) -> None:
        """Wait until what was open is closed again."""
        wait_until(lambda: self.descriptors() <= descriptors, "descriptors closed", timeout_s)


def config_of(folder: Path, *, fps: float = 2, token: str | None = None, **changes: Any) -> dict[str, Any]:
    """`cam` is live, `still` has ended; everything that can be switched on is."""
    video = {"max_viewers": 16, "ice_addresses": ["127.0.0.1"]}
    tracking = {"max_objects": 3, "window": "off"}
    cam = {"name": "cam", "source": {"url": SCENE.format(fps=fps)}, "recording": {"mode": "events"}}
    still = {"name": "still", "source": {"url": CLIP, "pace": "every_frame"}}
    streams = [{**one, "video": video, "tracking": tracking} for one in (cam, still)]
    config: dict[str, Any] = {
        "streams": streams,
        "model": {"name": "nano", "device": "cpu", "threads": 1},
        "http": {"port": 0} | ({"token": token} if token else {}),
        "zmq": {"masks_address": "tcp://127.0.0.1:*", "control_address": "tcp://127.0.0.1:*"},
        "archive": {"folder": str(folder / "archive"), "min_free_gb": 0, "max_gb": 0.05},
        "cameras": {
            "state_dir": str(folder / "state"),
            "allow_schemes": ["synthetic"],
            "allow_hosts": ["127.0.0.1"],
            "max_streams": 4,
        },
        "jobs": {"max_film_mb": 8, "max_result_mb": 8, "max_disk_mb": 64, "max_seconds": 5},
    }
    return {**config, **changes}


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Target]:
    """A server whose streams have begun; it ends with the block. `options` as of `config_of`."""
    path, log = folder / "fuzzed.yaml", folder / "server.log"
    path.write_text(yaml.safe_dump(config_of(folder, **options)), encoding="utf-8")
    with log.open("wb") as output:
        process = subprocess.Popen(
            streamtrack("serve", str(path)), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    try:
        addresses = _addresses(process, log)
        target = Target(
            addresses["page"].rstrip("/"),
            addresses["control"],
            addresses["masks"],
            folder,
            psutil.Process(process.pid),
            options.get("token"),
            log,
        )
        with target.api() as api:
            wait_until(lambda: _has_begun(api), "streams that have begun", START_S)
        yield target
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("SIGTERM did not end the server within 15 s") from None


def _addresses(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    found: dict[str, str] = {}

    def complete() -> bool:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, text
        found.update(re.findall(r"^(page|masks|control) +(\S+)$", text, re.MULTILINE))
        return len(found) == 3

    wait_until(complete, "the server's addresses", START_S)
    return found


def _has_begun(api: httpx.Client) -> bool:
    return all(one["newest_frame_idx"] >= 0 for one in api.get("/streams").json())


class HealthWatch:
    """Asks /healthz again and again beside whatever else is done, and keeps how long it waited."""

    def __init__(self, target: Target, every_s: float = 0.05) -> None:
        self._target = target
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="health-watch")
        self.worst_s = 0.0
        self.failures: list[str] = []

    def __enter__(self) -> HealthWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(70)

    def _watch(self) -> None:
        with self._target.api() as api:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    status = api.get("/healthz").status_code
                    if status != 200:
                        self.failures.append(f"status {status}")
                except httpx.HTTPError as error:
                    self.failures.append(f"{type(error).__name__} {error}")
                self.worst_s = max(self.worst_s, time.monotonic() - began)
                self._stop.wait(self._every_s)


def told_of(answer: httpx.Response) -> str:
    """An answer in short, for a failure's text."""
    try:
        return f"{answer.status_code} {json.dumps(answer.json())[:300]}"
    except ValueError:
        return f"{answer.status_code} {answer.text[:300]!r}"
