#!/usr/bin/python3
"""Plays a WHEP stream with GStreamer's webrtcbin. Run by the system's python.

    /usr/bin/python3 tests/support/webrtcbin_player.py http://127.0.0.1:8080/streams/cam/whep H264

Prints `played 10 WIDTHxHEIGHT` and ends with 0, or a line that says what is missing and ends with 1.

Packages (Debian): python3-gi, gir1.2-gst-plugins-bad-1.0, gstreamer1.0-plugins-base, -good, -bad,
gstreamer1.0-nice.
"""

import argparse
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

DEPAYLOADERS = {"H264": "rtph264depay ! h264parse", "VP8": "rtpvp8depay"}
EXTRA_CAPS = {"H264": ",packetization-mode=(string)1", "VP8": ""}


class Player:
    """One viewer, from its offer to its last picture."""

    def __init__(self, url: str, codec: str, pictures: int) -> None:
        self.url, self.codec, self.left, self.pictures = url, codec, pictures, pictures
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline()
        self.webrtc = Gst.ElementFactory.make("webrtcbin")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.webrtc)
        caps = Gst.Caps.from_string(
            f"application/x-rtp,media=video,encoding-name={codec},payload=96,clock-rate=90000"
            + EXTRA_CAPS[codec]
        )
        self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
        self.webrtc.connect("pad-added", self.on_pad)
        self.webrtc.connect("notify::ice-gathering-state", self.on_gathering)
        self.session: str | None = None
        self.size = "0x0"

    def run(self, timeout_s: int) -> bool:
        """Play; False where the pictures did not come in time."""
        GLib.timeout_add_seconds(timeout_s, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))
        try:
            self.loop.run()
        finally:
            self.pipeline.set_state(Gst.State.NULL)
            if self.session is not None:
                urllib.request.urlopen(
                    urllib.request.Request(self.session, method="DELETE"), timeout=5
                ).close()
        return self.left <= 0

    def on_offer(self, promise: Any) -> None:
        reply = promise.get_reply()  # kept until the description was copied out of it
        offer = reply.get_value("offer")
        self.webrtc.emit("set-local-description", offer, Gst.Promise.new())

    def on_gathering(self, *_: object) -> None:
        if self.webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.post)

    def post(self) -> None:
        """Send the offer with all its candidates; the answer has all of the server's."""
        described = self.webrtc.get_property("local-description")
        text = described.sdp.as_text()
        request = urllib.request.Request(self.url, text.encode(), {"Content-Type": "application/sdp"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                self.session = urllib.parse.urljoin(self.url, answer.headers["location"])
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            print(f"refused with {error.code}: {error.read().decode()}")
            self.loop.quit()
            return
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(text.encode(), message)
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", described, Gst.Promise.new())

    def on_pad(self, _: object, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        sink = Gst.parse_bin_from_description(
            f"{DEPAYLOADERS[self.codec]} ! fakesink name=sink signal-handoffs=true sync=false", True
        )
        sink.get_by_name("sink").connect("handoff", self.on_picture)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def on_picture(self, _: object, buffer: Any, pad: Any) -> None:
        shape = pad.get_current_caps().get_structure(0)
        if shape.has_field("width"):
            self.size = f"{shape.get_value('width')}x{shape.get_value('height')}"
        self.left -= 1
        if self.left == 0:
            self.loop.quit()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("codec", choices=DEPAYLOADERS)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--timeout-s", type=int, default=20)
    arguments = parser.parse_args()
    Gst.init(None)
    player = Player(arguments.url, arguments.codec, arguments.pictures)
    played = player.run(arguments.timeout_s)
    print(f"played {player.pictures - max(player.left, 0)} {player.size}")  # more may come meanwhile
    sys.exit(not played)


if __name__ == "__main__":
    main()
