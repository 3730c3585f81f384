"""RTSP, RTMP and SRT by FFmpeg, in a process that is killed where a server holds it up."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

from streamtrack.config import PushConfig
from streamtrack.errors import PublishError
from streamtrack.ingest.pinned import Addresses, pinned
from streamtrack.ingest.source import SourceKind, SourceSpec
from streamtrack.push.av_child import HEAD
from streamtrack.push.shown import shown_trouble, shown_url
from streamtrack.video.packet_queue import ThreadPacketQueue

if TYPE_CHECKING:
    import av

FORMATS = {"rtsp": "rtsp", "rtsps": "rtsp", "rtmp": "flv", "rtmps": "flv", "srt": "mpegts"}
START_TIMEOUT_S = 30.0
"""For an interpreter, on a busy machine."""
END_TIMEOUT_S = 1.0
PROTOCOL_MISSING = "Protocol not found"


class AvTarget:
    """One connection, for as long as its process lives."""

    def __init__(self, config: PushConfig, addresses: Addresses | None = None) -> None:
        """`addresses`: of host names that a gate let pass."""
        self._config = config
        url = config.scheme + config.url.get_secret_value()[len(config.scheme) :]
        self._url, _ = pinned(SourceSpec(SourceKind.NETWORK, url, "", addresses=addresses or {}))
        self._timeout_s = config.timeout_ms / 1000
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def open(self, keyframe: bytes) -> None:
        """Start the process, which connects."""
        # The address goes through the pipe: whoever lists processes sees no password.
        self._process = subprocess.Popen(  # nosec B603 # Python, a module of ours
            [sys.executable, "-m", "streamtrack.push.av_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers = queue.SimpleQueue()
        assert self._process.stdout is not None
        threading.Thread(
            target=_read_answers, args=(self._process.stdout, self._answers), name="push-answers", daemon=True
        ).start()
        self._expect_ok(START_TIMEOUT_S, "the process that sends did not start")
        order = {
            "url": self._url,
            "format": FORMATS[self._config.scheme],
            "options": self._options(),
            "keyframe_bytes": len(keyframe),
        }
        self._write(json.dumps(order).encode() + b"\n" + keyframe)
        self._expect_ok(self._timeout_s, "did not answer")

    def send(self, packet: av.Packet, tap: ThreadPacketQueue) -> None:
        """Hand a packet over and wait until it is taken, so that the pipe never holds us up."""
        data = bytes(packet)
        self._write(HEAD.pack(len(data), packet.pts or 0, packet.is_keyframe) + data)
        self._expect_ok(self._timeout_s, "took nothing more")

    def abort(self) -> None:
        """Kill the process: its end is an answer."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Let the process say goodbye, or kill it."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _options(self) -> dict[str, str]:
        if self._config.scheme in ("rtsp", "rtsps"):
            return {"rtsp_transport": self._config.rtsp_transport}
        return {}

    def _write(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A process that failed told why before it went: that is what its answer says.
        with contextlib.suppress(OSError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _expect_ok(self, timeout_s: float, otherwise: str) -> None:
        try:
            told = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            if self._process is not None:
                self._process.kill()
            raise PublishError(f"{self._shown}: {otherwise} within {timeout_s:g} s") from None
        if told == "ok":
            return
        if PROTOCOL_MISSING in told:
            told = f"this FFmpeg was built without {self._config.scheme}; install a PyAV whose FFmpeg has it"
        trouble = shown_trouble(told, self._config) or "the connection broke off"
        raise PublishError(f"{self._shown}: {trouble}")

    @property
    def _shown(self) -> str:
        return shown_url(self._config)


def _read_answers(pipe: IO[bytes], answers: queue.SimpleQueue[str]) -> None:
    """Pass lines on until the process ends; runs in a thread."""
    with pipe:
        for line in pipe:
            answers.put(line.decode("utf-8", "replace").strip())
    answers.put("")
