"""A real RTSP camera for tests: starts, dies and comes back on the same port. Mark such tests `rtsp`."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

SERVER_SCRIPT = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's bindings of GStreamer live there, not in the virtual environment."""
START_TIMEOUT_S = 15.0
"""GStreamer scans its plugins on the first start of a machine; later ones take half a second."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RtspServer:
    """An RTSP server in a process of its own; use it as a context manager, or start and kill it at will."""

    def __init__(
        self,
        clips: Sequence[Path],
        *,
        fps: float = 30.0,
        user: str | None = None,
        password: str = "",
        port: int | None = None,
    ) -> None:
        """Clips are H.264 in mp4, played one after the other, in a loop."""
        self.port = port if port is not None else free_port()
        self._arguments = [*map(str, clips), "--port", str(self.port), "--fps", str(fps)]
        if user is not None:
            self._arguments += ["--user", user, "--password", password]
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Without credentials."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Start and wait until it listens."""
        process = subprocess.Popen(
            [SYSTEM_PYTHON, str(SERVER_SCRIPT), *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = process
        watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
        watchdog.start()
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("ready "):
                watchdog.cancel()
                return
        watchdog.cancel()
        self.kill()
        raise RuntimeError(f"the RTSP server did not start: {said.strip() or 'it said nothing'}")

    def kill(self) -> None:
        """End it at once, as a power cut would. Does nothing where it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(timeout=5)
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
