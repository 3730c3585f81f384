"""A process of its own that hands packets to FFmpeg's muxers, run as `python -m streamtrack.push.av_child`.

A server that accepts a connection and never answers holds FFmpeg, and with it the whole interpreter, for as
long as it likes. A process can be killed.

On standard input: a line of JSON (url, format, options, keyframe bytes), that keyframe, then packets, each
behind HEAD. On standard output: a line at the start and one for each of them, `ok` or what went wrong.
"""

from __future__ import annotations

import io
import json
import struct
import sys
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.error
import av.logging

HEAD = struct.Struct("<IqB")
"""Bytes of the packet, presentation time in ticks of 90 kHz, whether it is a keyframe."""
TIME_BASE = Fraction(1, 90_000)


def open_output(order: dict[str, Any], keyframe: bytes) -> tuple[Any, Any]:
    """FFmpeg's output and its one stream, made like the keyframe's."""
    probing = {"probesize": str(max(32, len(keyframe))), "analyzeduration": "0", "fpsprobesize": "0"}
    output = av.open(order["url"], "w", format=order["format"], options=order["options"])
    with av.open(io.BytesIO(keyframe), format="h264", options=probing) as sample:
        stream = output.add_stream_from_template(sample.streams.video[0])
    output.start_encoding()
    return output, stream


def send_all(source: BinaryIO, output: Any, stream: Any, answer: Any) -> None:
    """Hand every packet on until the input ends."""
    first_pts: int | None = None
    while len(head := source.read(HEAD.size)) == HEAD.size:
        size, pts, is_keyframe = HEAD.unpack(head)
        packet = av.Packet(source.read(size))
        first_pts = pts if first_pts is None else first_pts
        packet.stream, packet.time_base = stream, TIME_BASE
        packet.pts = packet.dts = pts - first_pts  # no picture is sent before another that is shown earlier
        packet.is_keyframe = bool(is_keyframe)
        output.mux_one(packet)
        answer("ok")


def main() -> int:
    """Run; the exit status."""
    av.logging.set_level(av.logging.PANIC)
    source, sink = sys.stdin.buffer, sys.stdout

    def answer(text: str) -> None:
        sink.write(f"{text}\n")
        sink.flush()

    answer("ok")
    order = json.loads(source.readline())
    try:
        output, stream = open_output(order, source.read(order["keyframe_bytes"]))
        answer("ok")
        send_all(source, output, stream, answer)
        output.close()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        answer(" ".join(text.split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
