"""What H.264 says of its pictures outside the decoder: parameter sets, slice headers, recovery points. Pure.

Source: ITU-T H.264, 7.3 and Annex D.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from streamtrack.ingest.bits import BitReader, BitsExhaustedError, escape, unescape, unsigned_code

SLICE, SLICE_IDR, SEI, SPS, PPS = 1, 5, 6, 7, 8
"""Types of units that matter here; a slice in three partitions (2 to 4) is of a profile that nobody sends."""
START_CODE = b"\x00\x00\x01"
HEADER_BYTES = 64
"""A slice's first numbers are within these."""
RECOVERY_POINT = 6
"""Type of the SEI message that names a picture from which decoding heals."""
HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose parameter set tells chroma, depth and scaling lists."""

_START = re.compile(re.escape(START_CODE))


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What slice headers cannot be read without, and what decides how a picture is laid out."""

    frame_num_bits: int
    gaps_allowed: bool
    """True where the encoder may leave out numbers on purpose (temporal layers)."""
    separate_planes: bool
    frames_only: bool
    """False where a picture may be two fields."""
    height_bit: int
    """Position of the number of rows, in bits of the payload."""
    height_units: int
    """Rows of macroblocks less one."""


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """The first numbers of a slice."""

    is_idr: bool
    is_reference: bool
    """False where no other picture is predicted from this one: damage stays in it."""
    first_macroblock: int
    """0 where the picture begins."""
    frame_num: int


def split_units(data: bytes, length_bytes: int | None) -> list[bytes]:
    """The units of a packet: between start codes, or each after its length where `length_bytes` is given."""
    if length_bytes is None:
        marks = [match.start() for match in _START.finditer(data)]
        ends = [*marks[1:], len(data)] if marks else []
        return [
            data[mark + 3 : end].rstrip(b"\x00") if end != len(data) else data[mark + 3 :]
            for mark, end in zip(marks, ends, strict=True)
        ]
    units, at = [], 0
    while at + length_bytes <= len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        units.append(data[at : at + size])
        at += size
    return [unit for unit in units if unit]


def read_extradata(extradata: bytes | None) -> tuple[list[bytes], int | None]:
    """The parameter sets that a container holds, and the bytes of a unit's length in its packets.

    The length is None where packets have start codes.
    """
    if not extradata or extradata[0] != 1 or len(extradata) < 7:
        return split_units(extradata or b"", None), None
    units, at = [], 6
    for kind, count in ((SPS, extradata[5] & 31), (PPS, None)):
        if kind == PPS:
            if at >= len(extradata):
                break
            count, at = extradata[at], at + 1
        for _ in range(count or 0):
            size = int.from_bytes(extradata[at : at + 2], "big")
            units.append(extradata[at + 2 : at + 2 + size])
            at += 2 + size
    return [unit for unit in units if unit], (extradata[4] & 3) + 1


def unit_type(unit: bytes) -> int:
    """The type of a unit; 0 for an empty one."""
    return unit[0] & 31 if unit else 0


def read_sps(unit: bytes) -> SequenceParameters | None:
    """A sequence parameter set; None where it is damaged."""
    bits = BitReader(unescape(unit[1:]))
    try:
        profile = bits.read(8)
        bits.read(16)
        bits.unsigned()
        separate_planes = _skip_high_profile(bits) if profile in HIGH_PROFILES else False
        frame_num_bits = bits.unsigned() + 4
        _skip_order_count(bits)
        bits.unsigned()
        gaps_allowed = bool(bits.read(1))
        bits.unsigned()
        height_bit = bits.position
        height_units = bits.unsigned()
        frames_only = bool(bits.read(1))
    except BitsExhaustedError:
        return None
    return SequenceParameters(
        frame_num_bits, gaps_allowed, separate_planes, frames_only, height_bit, height_units
    )


def taller_sps(unit: bytes, sps: SequenceParameters) -> bytes:
    """The parameter set of a picture that has one row of macroblocks more."""
    payload = unescape(unit[1:])
    reader = BitReader(payload)
    head = f"{reader.read(sps.height_bit):0{sps.height_bit}b}"
    reader.unsigned()
    bits = (head + unsigned_code(sps.height_units + 1) + reader.tail()).rstrip("0")  # up to the stop bit
    bits += "0" * (-len(bits) % 8)
    return unit[:1] + escape(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def read_slice(unit: bytes, sps: SequenceParameters) -> SliceHeader | None:
    """The header of a slice; None where it is damaged."""
    bits = BitReader(unescape(unit[1:HEADER_BYTES]))
    try:
        first_macroblock = bits.unsigned()
        bits.unsigned()
        bits.unsigned()
        if sps.separate_planes:
            bits.read(2)
        frame_num = bits.read(sps.frame_num_bits)
    except BitsExhaustedError:
        return None
    return SliceHeader(unit_type(unit) == SLICE_IDR, unit[0] & 0x60 != 0, first_macroblock, frame_num)


def recovery_frames(unit: bytes) -> int | None:
    """Frames after which decoding from this SEI on has healed; None where it names no recovery point."""
    payload = unescape(unit[1:])
    at = 0
    while at + 2 < len(payload):
        kind, at = _read_sei_number(payload, at)
        size, at = _read_sei_number(payload, at)
        if kind == RECOVERY_POINT:
            try:
                return BitReader(payload[at : at + size]).unsigned()
            except BitsExhaustedError:
                return None
        at += size
    return None


def _read_sei_number(payload: bytes, at: int) -> tuple[int, int]:
    number = 0
    while at < len(payload) and payload[at] == 0xFF:
        number, at = number + 255, at + 1
    return number + (payload[at] if at < len(payload) else 0), at + 1


def _skip_high_profile(bits: BitReader) -> bool:
    """Read past chroma, depth and scaling lists; True where colour planes are coded apart."""
    chroma = bits.unsigned()
    separate_planes = bool(bits.read(1)) if chroma == 3 else False
    bits.unsigned()
    bits.unsigned()
    bits.read(1)
    if bits.read(1):
        for number in range(8 if chroma != 3 else 12):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    return separate_planes


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order_count(bits: BitReader) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()
