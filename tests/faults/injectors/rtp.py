"""Cuts coded pictures into RTP packets. Source: RFC 3550, RFC 6184 (H.264), RFC 7798 (HEVC)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

PAYLOAD_TYPE = 96
MAX_PAYLOAD = 1200
TICKS = 90_000
"""A second."""


def packets(
    units: Sequence[bytes],
    codec: str,
    first_sequence: int,
    timestamp: int,
    ssrc: int,
    max_payload: int = MAX_PAYLOAD,
) -> Iterator[bytes]:
    """The packets of one picture, in order; the last has the marker."""
    payloads = [payload for unit in units for payload in _payloads(unit, codec, max_payload)]
    for number, payload in enumerate(payloads):
        marker = 0x80 if number == len(payloads) - 1 else 0
        sequence = (first_sequence + number) & 0xFFFF
        yield (
            struct.pack("!BBHII", 0x80, marker | PAYLOAD_TYPE, sequence, timestamp & 0xFFFFFFFF, ssrc)
            + payload
        )


def _payloads(unit: bytes, codec: str, max_payload: int) -> Iterator[bytes]:
    """A unit whole, or in fragments (FU-A, FU)."""
    if len(unit) <= max_payload:
        yield unit
        return
    if codec == "H264":
        indicator, kind, body = bytes([unit[0] & 0xE0 | 28]), unit[0] & 0x1F, unit[1:]
    else:
        indicator = bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
        kind, body = unit[0] >> 1 & 0x3F, unit[2:]
    for at in range(0, len(body), max_payload):
        begins = 0x80 if at == 0 else 0
        ends = 0x40 if at + max_payload >= len(body) else 0
        yield indicator + bytes([begins | ends | kind]) + body[at : at + max_payload]
