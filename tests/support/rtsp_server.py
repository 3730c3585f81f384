#!/usr/bin/python3
"""A small RTSP camera: serves H.264 clips in a loop, live, to everyone who asks. Run by the system's python.

    /usr/bin/python3 tests/support/rtsp_server.py clip.mp4 [...] --port 8554 --fps 30 --user me --password x

Prints `ready rtsp://127.0.0.1:8554/live` once it listens. Several clips follow each other in the same
stream, so that the size may change under way.

Packages (Debian): gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base, -good, -bad.
"""

import argparse
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CAPS = "video/x-h264,stream-format=byte-stream,alignment=au"
CLIENT_SWEEP_S = 2


def read_access_units(path: str) -> list[tuple[bytes, int]]:
    """Every coded picture of a clip: bytes, and how long after its decoding it is shown, in nanoseconds.

    Parameter sets stand in front of each keyframe.
    """
    pipeline = Gst.parse_launch(
        f'filesrc location="{path}" ! qtdemux ! h264parse config-interval=-1 ! {CAPS} ! '
        "appsink name=sink sync=false max-buffers=4"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    units = []
    while (sample := sink.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        late = buffer.pts - buffer.dts if Gst.CLOCK_TIME_NONE not in (buffer.pts, buffer.dts) else 0
        units.append((buffer.extract_dup(0, buffer.get_size()), max(0, late)))
    pipeline.set_state(Gst.State.NULL)
    if not units:
        sys.exit(f"{path}: no H.264 in it")
    return units


class Camera(GstRtspServer.RTSPMediaFactory):
    """One live stream, shared by all clients: who joins late joins in the middle."""

    def __init__(self, units: list[tuple[bytes, int]], fps: float) -> None:
        super().__init__()
        self._units = units
        self._period_s = 1 / fps
        self.set_shared(True)
        self.set_launch(
            f"( appsrc name=source is-live=true format=time caps={CAPS} ! h264parse ! "
            "rtph264pay name=pay0 pt=96 config-interval=-1 )"
        )

    def do_configure(self, media: Any) -> None:
        source = media.get_element().get_by_name("source")
        gone = threading.Event()
        media.connect("unprepared", lambda _: gone.set())
        threading.Thread(target=self._push, args=(source, gone), daemon=True).start()

    def _push(self, source: Any, gone: threading.Event) -> None:
        """Push one picture each period until the last client has left."""
        start = time.monotonic()
        number = 0
        while not gone.is_set():
            data, late = self._units[number % len(self._units)]
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.dts = int(number * self._period_s * Gst.SECOND)
            buffer.pts = buffer.dts + late
            buffer.duration = int(self._period_s * Gst.SECOND)
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return
            number += 1
            gone.wait(max(0.0, start + number * self._period_s - time.monotonic()))


def ask_for_password(server: Any, factory: Camera, user: str, password: str) -> None:
    """Let nobody in without basic authentication."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--port", default="0")
    parser.add_argument("--path", default="/live")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    Gst.init(None)
    factory = Camera([unit for clip in options.clips for unit in read_access_units(clip)], options.fps)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    server.get_mount_points().add_factory(options.path, factory)
    if options.user:
        ask_for_password(server, factory, options.user, options.password)
    if not server.attach(None):
        sys.exit(f"port {options.port}: cannot listen")
    # A client that vanished is only forgotten by a sweep.
    GLib.timeout_add_seconds(CLIENT_SWEEP_S, lambda: server.get_session_pool().cleanup() >= 0)
    print(f"ready rtsp://127.0.0.1:{server.get_bound_port()}{options.path}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
