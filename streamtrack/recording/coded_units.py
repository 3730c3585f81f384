"""H.264, HEVC and AV1 packets as MP4 wants them: units after their length, parameters told apart. Pure.

Source: ITU-T H.264 and H.265, Annex B and 7.3; AV1 specification, 5.3.
"""

from __future__ import annotations

from streamtrack.ingest.h264 import split_units

FITTING_CODECS = frozenset({"h264", "hevc", "av1"})
"""Whose packets go into MP4 as they are."""
_LENGTH_BYTES = 4
_H264_SETS = frozenset({7, 8})
_HEVC_SETS = frozenset({32, 33, 34})
_AV1_SEQUENCE = 1


def has_start_codes(codec: str, parameters: bytes) -> bool:
    """Whether units stand behind start codes (RTSP, MPEG-TS) and not behind their lengths (MP4, FLV)."""
    return codec in ("h264", "hevc") and not parameters.startswith(b"\x01")


def after_lengths(data: bytes) -> bytes:
    """A packet of units behind start codes, with each behind its length."""
    units = split_units(data, None)
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in units)


def parameter_units(codec: str, data: bytes, *, start_codes: bool) -> bytes:
    """What of a packet tells how to decode it, as one value to compare; empty where it tells nothing."""
    if codec == "av1":
        return b"".join(_sequence_headers(data))
    if not start_codes:
        return b""  # told in front of the film alone
    wanted = _H264_SETS if codec == "h264" else _HEVC_SETS
    units = [unit for unit in split_units(data, None) if unit and _unit_type(codec, unit) in wanted]
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in dict.fromkeys(units))


def _unit_type(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _sequence_headers(data: bytes) -> list[bytes]:
    """AV1's sequence headers among a packet's units."""
    found, at = [], 0
    while at < len(data):
        head = data[at]
        at += 1 + bool(head & 0x4)
        size, shift = 0, 0
        if head & 0x2:
            while at < len(data) and shift <= 49:
                byte = data[at]
                at += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
        else:
            size = len(data) - at
        if head >> 3 & 0xF == _AV1_SEQUENCE:
            found.append(data[at : at + size])
        at += size
    return found
