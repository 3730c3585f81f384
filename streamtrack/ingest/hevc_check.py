"""A second look at HEVC that finds the damage about which FFmpeg's decoder says nothing.

What is lost or flipped makes the entropy decoder lose its place. It then either finds an end where there is
none, and leaves the rest of the picture as it was, or arrives at the last block with data left over, or
without any. FFmpeg tells none of it. A second decoder is therefore given the same slices for a picture that
is a row or a column of blocks larger, into memory that was painted before: sound slices paint over every
block of their picture and none beside it.

Where rows are coded apart (wavefronts) and the last is not whole, no row or column can be added. There a
third decoder begins each row where the slice's header says that it begins, while the second goes on where the
row before ended. Both give the same picture while it is sound.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import av
import av.error
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from streamtrack.ingest.alarms import Alarms
from streamtrack.ingest.h264 import START_CODE
from streamtrack.ingest.hevc import (
    PPS,
    SPS,
    VPS,
    PictureSet,
    Sequence,
    read_pps,
    read_sps,
    resized_sps,
    tiled_pps,
    unit_type,
)
from streamtrack.ingest.hevc_slice import SliceHead, is_slice, moved, read_slice

OPTIONS = {"skip_loop_filter": "all"}
RUBBISH = np.random.default_rng(1).integers(1, 256, 256, np.uint8).tobytes()
OTHER_RUBBISH = RUBBISH[::-1]
"""No zeros, which would be taken for the beginning of a unit."""
SAMPLED = 4
"""Of the samples of a block, each so many across and down are looked at."""
TINTS = 251
WHOLE_PICTURES = range(16, 24)
FULL_RANGE = 2
"""FFmpeg's number of it."""
MAX_WAITING = 16
"""Pictures of the third decoder that the second has not shown yet."""

Samples = NDArray[Any]
"""Of one plane, uint8 or uint16."""

logger = logging.getLogger(__name__)


class HevcEndCheck:
    """Follows one stream beside its decoder. Same thread."""

    def __init__(self, parameter_sets: Iterable[bytes]) -> None:
        """The sets are those that the container holds outside its packets."""
        self._decoder = _new_decoder()
        self._twin: RowTwin | None = None
        self._sets: dict[tuple[int, int], bytes] = {}
        self.sequence: Sequence | None = None
        """What the stream says of its pictures; None before it does."""
        self._pictures: dict[int, PictureSet] = {}
        self._paint = Paint()
        self._alarms = Alarms()
        self._are_sets_due = self._learn(parameter_sets)

    @property
    def shows_all(self) -> bool:
        """Whether no picture is hidden on purpose."""
        return not any(pps.has_output_flag for pps in self._pictures.values())

    def head_of(self, units: Iterable[bytes]) -> SliceHead | None:
        """The head of a picture's first slice; None where it, or a set that it needs, is damaged or missing.

        Sets among the units are learnt from."""
        units = list(units)
        self._are_sets_due = self._learn(units) or self._are_sets_due
        first = next((unit for unit in units if is_slice(unit)), None)
        if first is None or self.sequence is None:
            return None
        return read_slice(first, self.sequence, self._pictures.get)

    def damaged(self, number: int, units: Iterable[bytes]) -> set[int]:
        """Numbers of the pictures, this one and earlier ones, whose slices do not fill them exactly.

        `head_of` was asked about the same units before.
        """
        units = list(units)
        if self.sequence is None or self._alarms.is_misled:
            return set()
        changed = [*self._due_sets(), *self._changed(units, RUBBISH)]
        packet = av.Packet(b"".join(START_CODE + unit for unit in changed))
        packet.pts = number
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            return self._alarms.raised({number})
        found = set() if self._is_readable(units) else {number}
        if self._twin is not None:
            begins = any(unit_type(unit) in WHOLE_PICTURES for unit in units)
            found |= self._twin.differing(number, self._changed(units, OTHER_RUBBISH), frames, begins=begins)
        for frame in frames:
            if frame.pts is None:
                continue
            if self._twin is None and not self._paint.is_filled(frame, self.sequence):
                found.add(int(frame.pts))
            if frame.pts not in found:
                self._alarms.passed()
        damaged = self._alarms.raised(found)
        if self._alarms.is_misled:
            logger.debug("the second look at HEVC misjudges this stream, and is left out")
        return damaged

    def _learn(self, units: Iterable[bytes]) -> bool:
        """Keep parameter sets; True where there was one."""
        has_learnt = False
        for unit in units:
            kind = unit_type(unit)
            if kind == VPS:
                self._sets[kind, 0], has_learnt = unit, True
            elif kind == SPS and (sps := read_sps(unit)) is not None:
                self.sequence, self._sets[kind, 0], has_learnt = sps, unit, True
            elif kind == PPS and (pps := read_pps(unit)) is not None:
                self._pictures[pps.number], self._sets[kind, pps.number] = pps, unit
                has_learnt = True
        return has_learnt

    def _due_sets(self) -> list[bytes]:
        """The parameter sets of the larger picture, where they are due."""
        sps = self.sequence
        if not self._are_sets_due or sps is None:
            return []
        self._are_sets_due = False
        larger, in_tiles = self._larger(sps)
        if larger is sps and self._twin is None and any(pps.has_rows for pps in self._pictures.values()):
            self._twin = RowTwin()
        changed = []
        for (kind, number), unit in sorted(self._sets.items()):
            if kind == SPS:
                unit = resized_sps(unit, sps, larger.width_px, larger.height_px)
            elif kind == PPS and in_tiles:
                unit = tiled_pps(unit, self._pictures[number], sps.width_px // sps.block_px)
            changed.append(unit)
        if self._twin is not None:
            self._twin.take_sets(changed)
        return changed

    def _changed(self, units: list[bytes], rubbish: bytes) -> list[bytes]:
        """The units of the larger picture, without parameter sets.

        Rubbish follows each slice, more than any block takes: one that lost its place shall not run out of
        data. A sound one never comes to it.
        """
        sps = self.sequence
        assert sps is not None
        larger, in_tiles = self._larger(sps)
        is_seen = larger is not sps or self._twin is not None
        changed = []
        for unit in units:
            if unit_type(unit) in (VPS, SPS, PPS):
                continue
            head = read_slice(unit, sps, self._pictures.get) if is_slice(unit) else None
            if head is not None and larger is not sps:
                unit = moved(unit, head, sps, larger, in_tiles=in_tiles)
            changed.append(unit + rubbish * sps.num_blocks if head is not None and is_seen else unit)
        return changed

    def _larger(self, sps: Sequence) -> tuple[Sequence, bool]:
        """The picture with a row of blocks more, or a column, which is then a tile; the same where neither
        leaves the other blocks as they are."""
        block = sps.block_px
        if sps.height_px % block == 0:
            return sps.resized(sps.width_px, sps.height_px + block), False
        is_apart = any(pps.has_tiles or pps.has_rows for pps in self._pictures.values())
        if sps.width_px % block == 0 and not is_apart:
            return sps.resized(sps.width_px + block, sps.height_px), True
        return sps, False

    def _is_readable(self, units: list[bytes]) -> bool:
        """Whether slices can be begun, and are longer than the rows that their headers tell of."""
        assert self.sequence is not None
        for unit in units:
            if not is_slice(unit):
                continue
            head = read_slice(unit, self.sequence, self._pictures.get)
            if head is None or (head.row_bytes and len(unit) - head.num_bytes - 2 <= head.row_bytes):
                return False
        return True


class RowTwin:
    """Decodes each row of blocks from where its slice's header says that it begins."""

    def __init__(self) -> None:
        self._decoder = _new_decoder()
        self._decoder.thread_count, self._decoder.thread_type = 2, "SLICE"
        self._waiting: dict[int, Any] = {}
        self._compared_from: int | None = None
        self._sets: list[bytes] = []

    def take_sets(self, units: Iterable[bytes]) -> None:
        """The parameter sets that hold from the next packet on."""
        self._sets = [*units]

    def differing(
        self, number: int, units: Iterable[bytes], others: Iterable[Any], *, begins: bool
    ) -> set[int]:
        """Numbers of the pictures of `others` that this decoder shows otherwise, or does not.

        After the first of them both have other pictures to predict from: they are compared again from the
        next whole picture on, which the units may `begin`.
        """
        if begins and self._compared_from is None:
            self._compared_from = number
        packet = av.Packet(b"".join(START_CODE + unit for unit in (*self._sets, *units)))
        packet.pts, self._sets = number, []
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            frames = []
        self._waiting |= {frame.pts: frame for frame in frames}
        for other in others:
            own = self._waiting.pop(other.pts, None)
            if self._compared_from is None or other.pts < self._compared_from:
                continue
            if own is None or not np.array_equal(_shown(own), _shown(other)):
                self._compared_from = None
                return {int(other.pts)}
        for late in sorted(self._waiting)[:-MAX_WAITING]:
            del self._waiting[late]
        return set()


class Paint:
    """Paints the memory of pictures after they were seen, each time otherwise, and tells what was painted
    over: a copy from another picture has another paint."""

    def __init__(self) -> None:
        self._ground: Samples = np.zeros((0, 0), np.uint8)
        self._tints: dict[int, int] = {}
        self._tint = 0

    def is_filled(self, frame: Any, sps: Sequence) -> bool:
        """Whether a frame was painted over where its picture is, (H, W), and nowhere else."""
        plane, most = frame.planes[0], (1 << frame.format.components[0].bits) - 1
        samples = _samples(frame)
        if (samples.shape, samples.dtype) != (self._ground.shape, self._ground.dtype):
            ground = np.random.default_rng(0).integers(0, most + 1, samples.shape)
            self._ground, self._tints = ground.astype(samples.dtype), {}
        seen = slice(None, None, SAMPLED), slice(None, plane.width, SAMPLED)
        tint = self._tints.get(plane.buffer_ptr)
        # Fresh memory is zero, and so may be a black block of a picture that uses the full range.
        untouched = samples[seen] == (0 if tint is None else _tinted(self._ground[seen], tint, most))
        if not _is_apart(untouched, sps):
            # FFmpeg filled it with grey where it stood for a picture that never came.
            is_filled = _is_apart(samples[seen] == most // 2 + 1, sps)
        else:
            is_judged = tint is not None or frame.color_range != FULL_RANGE
            is_filled = not is_judged or _is_whole(untouched, sps)
        self._tint = self._tint % TINTS + 1
        self._tints[plane.buffer_ptr] = self._tint
        samples[:] = _tinted(self._ground, self._tint, most)
        return is_filled


def _tinted(ground: Samples, tint: int, most: int) -> Samples:
    tinted: Samples = (ground + ground.dtype.type(tint)) & ground.dtype.type(most)
    return tinted


def _new_decoder() -> Any:
    decoder = av.CodecContext.create("hevc", "r")
    decoder.options = dict(OPTIONS)
    decoder.flags |= Flags.output_corrupt
    decoder.thread_count = 1
    return decoder


def _samples(frame: Any) -> Samples:
    """(H, samples of a line) uint8 or uint16: the memory of a frame's first plane, whole lines."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8 if frame.format.components[0].bits == 8 else np.uint16)
    return rows.reshape(-1, plane.line_size // rows.itemsize)[: plane.height]


def _shown(frame: Any) -> Samples:
    return _samples(frame)[:, : frame.width]


def _is_apart(untouched: NDArray[np.bool_], sps: Sequence) -> bool:
    """Whether nothing beside a picture was touched."""
    height, width = sps.height_px // SAMPLED, sps.width_px // SAMPLED
    return bool(untouched[height:].all() and untouched[:, width:].all())


def _is_whole(untouched: NDArray[np.bool_], sps: Sequence) -> bool:
    """Whether every block of a picture was touched."""
    block = sps.block_px // SAMPLED
    inside = untouched[: sps.height_px // SAMPLED, : sps.width_px // SAMPLED]
    height, width = inside.shape
    padded = np.ones((-(-height // block) * block, -(-width // block) * block), np.bool_)
    padded[:height, :width] = inside
    blocks = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)
    return not blocks.all(axis=(1, 3)).any()
