#!/usr/bin/python3
"""An RTSP server that is sent to (ANNOUNCE, RECORD), as MediaMTX or a VMS is. Run by the system's python.

    /usr/bin/python3 tests/support/rtsp_recorder.py --port 8554 --user me --password x

Prints `ready rtsp://127.0.0.1:8554/live`, then for each picture that came whole `picture WIDTHxHEIGHT`.

Packages (Debian): gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base, -good, -bad.
"""

import argparse
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


class Recorder(GstRtspServer.RTSPMediaFactory):
    """Takes one H.264 stream and decodes it."""

    def __init__(self) -> None:
        super().__init__()
        self.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
        self.set_launch(
            "( rtph264depay name=depay0 ! h264parse ! openh264dec ! fakesink name=sink "
            "signal-handoffs=true sync=false async=false )"
        )
        self.connect("media-configure", self._configure)

    def _configure(self, _: Any, media: Any) -> None:
        sink = media.get_element().get_by_name("sink")
        sink.connect("handoff", self._picture)

    def _picture(self, _: Any, buffer: Any, pad: Any) -> None:
        shape = pad.get_current_caps().get_structure(0)
        print(f"picture {shape.get_value('width')}x{shape.get_value('height')}", flush=True)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--user")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(arguments.port)
    recorder = Recorder()
    if arguments.user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(arguments.user, arguments.password), token)
        server.set_auth(auth)
        recorder.add_role_from_structure(
            Gst.Structure.new_from_string("user, media.factory.access=true, media.factory.construct=true")
        )
    server.get_mount_points().add_factory("/live", recorder)
    server.attach(None)
    print(f"ready rtsp://127.0.0.1:{server.get_bound_port()}/live", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
