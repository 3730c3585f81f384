"""A second look at H.264 that finds the damage about which FFmpeg's decoder says nothing.

A flipped bit or a lost piece makes the entropy decoder lose its place, and nearly always it then runs into
something impossible, which the decoder flags. A part of it, though, arrives at the last macroblock with data
left over, and FFmpeg does not look whether the slice says that it ends there. A second decoder is therefore
given the same slices with a parameter set that claims one more row of macroblocks, and hides nothing. Sound
slices end where they should, and the row stays as FFmpeg's buffer had it. Slices that lost their place go on
into the row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import av
import av.error
import numpy as np

from streamtrack.ingest.alarms import Alarms
from streamtrack.ingest.h264 import SPS, START_CODE, read_sps, taller_sps, unit_type

OPTIONS = {"skip_loop_filter": "all", "err_detect": "explode", "ec": "0"}
MACROBLOCK = 16
MAX_GREY = 200

logger = logging.getLogger(__name__)


class EndCheck:
    """Follows one stream beside its decoder. Same thread."""

    def __init__(self) -> None:
        self._decoder: Any = None
        self._height_macroblocks = 0
        self._layout = (0, 0)
        self._greys: dict[int, int] = {}
        self._grey = 0
        self._alarms = Alarms()

    def start(self, parameter_sets: Sequence[bytes]) -> None:
        """Begin a playback; the sets are those that the container holds outside its packets."""
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.options = dict(OPTIONS)
        self._decoder.thread_count = 1
        self._layout = (0, 0)
        self._alarms = Alarms()
        self._pending_sets = _taller(parameter_sets)

    def damaged(self, number: int, units: Sequence[bytes], height_macroblocks: int) -> set[int]:
        """Numbers of the pictures, this one and earlier ones, whose slices did not end where they should.

        `height_macroblocks`: rows of the picture as it is.
        """
        if self._decoder is None:
            return set()
        self._height_macroblocks = height_macroblocks
        packet = av.Packet(b"".join(START_CODE + unit for unit in (*self._pending_sets, *_taller(units))))
        self._pending_sets = []
        packet.pts = number
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            return self._alarm({number})
        found = {int(frame.pts) for frame in frames if self._is_row_written(frame) and frame.pts is not None}
        if len(frames) > len(found):
            self._alarms.passed()
        return self._alarm(found)

    def _is_row_written(self, frame: Any) -> bool:
        """Whether the row below the picture was decoded into.

        It is given another grey each time, so that a copy from another picture's row is seen as well.
        """
        plane = frame.planes[0]
        if (plane.line_size, plane.height) != self._layout:
            self._layout, self._greys = (plane.line_size, plane.height), {}
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        below = rows[MACROBLOCK * self._height_macroblocks : plane.height]
        is_written = bool((below != self._greys.get(plane.buffer_ptr, 0)).any())
        self._grey = self._grey % MAX_GREY + 1
        self._greys[plane.buffer_ptr] = self._grey
        below[:] = self._grey
        return is_written

    def _alarm(self, numbers: set[int]) -> set[int]:
        """The same numbers, unless this look has shown that it cannot be believed."""
        believed = self._alarms.raised(numbers)
        if self._alarms.is_misled:
            logger.debug("the second look at H.264 misjudges this stream, and is left out")
            self._decoder = None
        return believed


def _taller(units: Sequence[bytes]) -> list[bytes]:
    """The units, with one row more in each parameter set."""
    changed = []
    for unit in units:
        sps = read_sps(unit) if unit_type(unit) == SPS else None
        changed.append(unit if sps is None else taller_sps(unit, sps))
    return changed
