"""Cameras that misbehave on demand: motion JPEG over HTTP from here, RTSP from a GStreamer process."""

from __future__ import annotations

import http.server
import subprocess
import threading
import time
from pathlib import Path
from typing import Literal

import cv2

from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import make_scene

SCENE = "demo?width=640&height=360"
KEPT_PICTURES = 60
RTSP_SCRIPT = Path(__file__).parents[1] / "tests" / "support" / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's bindings of GStreamer live there."""
START_S = 20.0

Mood = Literal["well", "frozen", "silent", "dripping", "half", "dead"]
MOODS: tuple[Mood, ...] = ("frozen", "silent", "dripping", "half", "dead")
"""frozen: the same picture again and again; silent: connected, and nothing comes; dripping: a byte a second;
half: a picture breaks off, and the connection ends; dead: whoever comes is sent away."""


class MjpegCamera:
    """Serves pictures of a scene at its own pace to everybody, in whichever mood it is."""

    def __init__(self, fps: float) -> None:
        self.mood: Mood = "well"
        self._fps = fps
        scene = make_scene(f"{SCENE}&fps={fps}")
        self._pictures = [_jpeg(scene.render(index)[0]) for index in range(KEPT_PICTURES)]
        self._begun_s = time.monotonic()
        self._over = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/video.mjpeg"

    def close(self) -> None:
        """End it and every connection."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _number(self) -> int:
        """Of the picture of this moment."""
        return int((time.monotonic() - self._begun_s) * self._fps)

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if camera.mood == "dead":
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
                self.end_headers()
                try:
                    camera._show(self.wfile)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

    def _show(self, wire: object) -> None:
        """Pictures until somebody has enough of them."""
        write = wire.write  # type: ignore[attr-defined]
        shown = -1
        frozen = 0
        while not self._over.is_set() and self.mood != "dead":
            number = self._number()
            if self.mood == "silent" or number == shown:
                self._over.wait(0.02)
                continue
            shown = number
            frozen = frozen if self.mood == "frozen" else number
            picture = self._pictures[frozen % KEPT_PICTURES]
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            part = head.encode() + picture + b"\r\n"
            if self.mood == "half":
                write(part[: len(part) // 2])
                return
            while self.mood == "dripping" and part and not self._over.wait(1.0):
                write(part[:1])
                part = part[1:]
            write(part)


class RtspCamera:
    """A GStreamer RTSP server in a process of its own: started, killed, started again on the same port."""

    def __init__(self, folder: Path, fps: float) -> None:
        self._clip = folder / "camera.mp4"
        write_scene(make_scene(f"{SCENE}&fps={fps}"), self._clip, KEPT_PICTURES)
        self._fps = fps
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()
        self.url = f"rtsp://127.0.0.1:{self._port}/live"

    def start(self) -> None:
        """Start where it does not run, and wait until it listens."""
        if self._process is not None:
            return
        command = [SYSTEM_PYTHON, str(RTSP_SCRIPT), str(self._clip)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port), "--fps", str(self._fps)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        watchdog = threading.Timer(START_S, self._process.kill)
        watchdog.start()
        for line in self._process.stdout:
            if line.startswith("ready "):
                self._port = int(line.rpartition(":")[2].partition("/")[0])
                watchdog.cancel()
                return
        watchdog.cancel()
        self.kill()
        raise RuntimeError(f"{RTSP_SCRIPT.name} did not start, expected GStreamer's RTSP server")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    close = kill


def has_rtsp() -> bool:
    """Whether this machine can run an RTSP camera."""
    code = "import gi; gi.require_version('GstRtspServer', '1.0')"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _jpeg(image: object) -> bytes:
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1])
