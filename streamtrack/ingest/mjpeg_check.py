"""A second look at motion JPEG that finds damage about which FFmpeg's decoder says nothing.

A flipped bit makes the decoder lose count: it arrives at the end of the picture with data left over, or runs
out of them before. A strict decoder refuses the latter. For the former it is given a picture that claims one
row of blocks more, into memory that was painted before: sound data are used up, and paint a block at most.
"""

from __future__ import annotations

from typing import Any

import av
import av.error
import numpy as np

BLOCK_PX = 16
"""Of the largest block; smaller ones divide it."""
BASELINE = (0xC0, 0xC1)
"""Frame headers of pictures that are coded in one scan."""
SCAN = 0xDA
TINTS = 251


class MjpegCheck:
    """Follows one stream beside its decoder. Same thread."""

    def __init__(self, extradata: bytes | None) -> None:
        self._strict, self._taller = _new_decoder("explode", extradata), _new_decoder("", extradata)
        self._tints: dict[int, int] = {}
        self._tint = 0

    def is_sound(self, data: bytes) -> bool:
        """Whether a picture's data end where the picture does."""
        try:
            self._strict.decode(av.Packet(data))
        except av.error.FFmpegError:
            return False
        height_at = find_height(data)
        return height_at is None or not self._has_more(data, height_at)

    def _has_more(self, data: bytes, height_at: int) -> bool:
        """Whether data are left for a further row of blocks."""
        height_px = int.from_bytes(data[height_at : height_at + 2], "big")
        rows_end = -(-height_px // BLOCK_PX) * BLOCK_PX
        told = (rows_end + BLOCK_PX).to_bytes(2, "big")
        try:
            frames = self._taller.decode(av.Packet(data[:height_at] + told + data[height_at + 2 :]))
        except av.error.FFmpegError:
            return False
        return any(self._is_painted(frame, rows_end) for frame in frames)

    def _is_painted(self, frame: Any, rows_end: int) -> bool:
        """Whether more than a block below the picture was painted; paints it anew."""
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[rows_end : plane.height]
        former = self._tints.get(plane.buffer_ptr)
        is_painted = former is not None and bool((rows[:, BLOCK_PX : frame.width] != former).any())
        self._tint = self._tint % TINTS + 1
        self._tints[plane.buffer_ptr] = self._tint
        rows[:] = self._tint
        return is_painted


def find_height(data: bytes) -> int | None:
    """Where a picture tells its height; None where it tells none, or is coded in several scans."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        if data[at + 1] in BASELINE:
            return at + 5
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _new_decoder(detect: str, extradata: bytes | None) -> Any:
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    if detect:
        decoder.options = {"err_detect": detect}
    if extradata:
        decoder.extradata = extradata
    return decoder
