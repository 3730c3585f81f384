"""What a packet tells of its picture before it is decoded, by codec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streamtrack.ingest import hevc
from streamtrack.ingest.alarms import Alarms
from streamtrack.ingest.h264 import (
    SEI,
    SLICE,
    SLICE_IDR,
    SPS,
    SequenceParameters,
    SliceHeader,
    read_extradata,
    read_slice,
    read_sps,
    recovery_frames,
    split_units,
    unit_type,
)
from streamtrack.ingest.h264_check import EndCheck
from streamtrack.ingest.hevc_check import HevcEndCheck
from streamtrack.ingest.hevc_order import SKIPPED_LEADING, PictureOrder
from streamtrack.ingest.mjpeg_check import MjpegCheck

NON_REFERENCE = 0
"""HEVC's type of a trailing picture that no other of its layer is predicted from."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One packet's picture."""

    is_keyframe: bool
    is_reference: bool = True
    """False where no other picture is predicted from it."""
    recovery_frames: int = 0
    """Of a keyframe that heals bit by bit: pictures until it has."""
    misses_reference: bool = False
    """A picture that this one is predicted from never came."""
    is_picture: bool = True
    """False for a packet that holds parameters or remarks alone."""
    must_come_out: bool = False
    """True where the decoder has to show a picture for it: none is hidden, none is half of one."""
    is_fresh_start: bool = False
    """A keyframe after which nothing from before is needed."""
    continues: bool = False
    """The packet begins in the middle of a picture: FFmpeg tore it from the packet before."""


class PictureReader(Protocol):
    """Reads one stream's packets, in the order in which they are decoded."""

    flags_spread: bool
    """True where the decoder flags what builds on a missing picture as it does that which is hit itself."""

    def read(self, packet: Any) -> CodedPicture:
        """What the packet's picture is."""
        ...

    def damaged(self, number: int, packet: Any) -> set[int]:
        """Numbers of pictures, this one and earlier ones, about whose damage the decoder says nothing."""
        ...


class PlainReader:
    """Any codec: what the container says."""

    flags_spread = False

    def read(self, packet: Any) -> CodedPicture:
        """What the packet's flags say."""
        return CodedPicture(bool(packet.is_keyframe), not packet.is_disposable)

    def damaged(self, number: int, packet: Any) -> set[int]:
        """Nothing is known beyond the decoder's own flags."""
        return set()


class MjpegReader(PlainReader):
    """Motion JPEG: what the container says, and a second look at the data."""

    def __init__(self, extradata: bytes | None) -> None:
        self._check = MjpegCheck(extradata)
        self._alarms = Alarms()

    def damaged(self, number: int, packet: Any) -> set[int]:
        """This picture where its data do not end with it, once those of one did."""
        if self._alarms.is_misled:
            return set()
        if self._check.is_sound(bytes(packet)):
            self._alarms.passed()
            return set()
        return self._alarms.raised({number})


class H264Reader:
    """H.264: gaps in the count of pictures, recovery points, torn pictures, a second look at the slices."""

    flags_spread = False

    def __init__(self, extradata: bytes | None, *, verify: bool) -> None:
        """`verify`: look a second time, for the price of decoding twice."""
        sets, self._length_bytes = read_extradata(extradata)
        self._sps: SequenceParameters | None = None
        self._check = EndCheck() if verify else None
        if self._check is not None:
            self._check.start(sets)
        self._learn(sets)
        self._reference_frame_num: int | None = None

    def read(self, packet: Any) -> CodedPicture:
        """What the packet's first slice says."""
        units = self._units(packet)
        self._learn(units)
        header = self._first_slice(units)
        is_keyframe = bool(packet.is_keyframe)
        if header is None:
            return CodedPicture(is_keyframe, is_picture=not units or self._sps is None)
        must_come_out = self._sps is not None and self._sps.frames_only
        if header.first_macroblock:
            return CodedPicture(is_keyframe, header.is_reference, continues=True)
        remarks = [] if header.is_idr else [unit for unit in units if unit_type(unit) == SEI]
        recovery = max((recovery_frames(unit) or 0 for unit in remarks), default=0)
        misses_reference = self._follow(header)
        return CodedPicture(
            is_keyframe,
            header.is_reference,
            recovery,
            misses_reference,
            must_come_out=must_come_out,
            is_fresh_start=header.is_idr,
        )

    def damaged(self, number: int, packet: Any) -> set[int]:
        """Pictures whose slices did not end where they should."""
        if self._check is None or self._sps is None or not self._sps.frames_only:
            return set()
        return self._check.damaged(number, self._units(packet), self._sps.height_units + 1)

    def _units(self, packet: Any) -> list[bytes]:
        return split_units(bytes(packet), self._length_bytes)

    def _learn(self, units: Sequence[bytes]) -> None:
        for unit in units:
            if unit_type(unit) == SPS:
                self._sps = read_sps(unit) or self._sps

    def _first_slice(self, units: Sequence[bytes]) -> SliceHeader | None:
        if self._sps is None:
            return None
        first = next((unit for unit in units if unit_type(unit) in (SLICE, SLICE_IDR)), None)
        return None if first is None else read_slice(first, self._sps)

    def _follow(self, header: SliceHeader) -> bool:
        """Keep count of the pictures that others are predicted from; True where one or more are missing."""
        sps, before = self._sps, self._reference_frame_num
        if header.is_reference:
            self._reference_frame_num = header.frame_num
        if sps is None or before is None or header.is_idr or sps.gaps_allowed:
            return False
        return header.frame_num not in (before, (before + 1) % (1 << sps.frame_num_bits))


class HevcReader(PlainReader):
    """HEVC: references that never came, and a second look at the slices."""

    flags_spread = True

    def __init__(self, extradata: bytes | None) -> None:
        sets, self._length_bytes = hevc.read_extradata(extradata)
        self._check = HevcEndCheck(sets)
        self._order = PictureOrder()
        self._misses_before_whole = False

    def read(self, packet: Any) -> CodedPicture:
        """What the packet's first slice says."""
        head, sps = self._check.head_of(self._units(packet)), self._check.sequence
        self._misses_before_whole = False
        if head is None or sps is None:
            return super().read(packet)
        misses = self._order.follow(head, sps)
        # What may be left out spoils nothing but itself.
        is_leading = head.kind in SKIPPED_LEADING
        self._misses_before_whole = misses and is_leading
        is_reference = not (packet.is_disposable or is_leading or head.kind == NON_REFERENCE)
        return CodedPicture(
            bool(packet.is_keyframe),
            is_reference,
            misses_reference=misses and not is_leading,
            must_come_out=not is_leading and self._check.shows_all,
        )

    def damaged(self, number: int, packet: Any) -> set[int]:
        """Pictures whose slices did not fill them exactly."""
        found = {number} if self._misses_before_whole else set()
        return found | self._check.damaged(number, self._units(packet))

    def _units(self, packet: Any) -> list[bytes]:
        return split_units(bytes(packet), self._length_bytes)


def picture_reader(codec: str, extradata: bytes | None, *, verify: bool) -> PictureReader:
    """The reader for a codec, by FFmpeg's name of it."""
    if codec == "h264":
        return H264Reader(extradata, verify=verify)
    if codec == "hevc" and verify:
        return HevcReader(extradata)
    return MjpegReader(extradata) if codec == "mjpeg" and verify else PlainReader()
