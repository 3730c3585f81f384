"""How a fragmented MP4 is laid out, read from its boxes alone: what is whole, and how long it plays.

Source: ISO/IEC 14496-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 8
MAX_BOX_BYTES = 16 << 20
"""Of the boxes that are read whole: the tables of one file and of one fragment."""
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"moof", b"traf", b"mvex", b"minf", b"stbl"})
_SAMPLE_DURATION, _SAMPLE_SIZE, _SAMPLE_FLAGS, _SAMPLE_OFFSET = 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class FilmShape:
    """The whole part of a film."""

    whole_bytes: int
    """Up to here every fragment is there; what follows was being written when the writer ended."""
    head_bytes: int
    """Of these, what comes before the first fragment."""
    duration_s: float
    num_fragments: int


def read_shape(path: Path) -> FilmShape:
    """The shape of a file; all zeros where it holds no film.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return shape_of(file, path.stat().st_size)


def shape_of(file: BinaryIO, size: int) -> FilmShape:
    """The shape of an open file of so many bytes."""
    whole = head = fragments = 0
    timescale, default_ticks, end_ticks = 1, 0, 0
    pending: bytes | None = None
    for at, kind, length in _top_boxes(file, size):
        if kind == b"moov":
            body = _body(file, at, length)
            timescale, default_ticks = _timescale(body), _default_duration(body)
            head = whole = at + length
        elif kind == b"moof" and head:
            pending = _body(file, at, length)
        elif kind == b"mdat" and pending is not None:
            end_ticks = max(end_ticks, _end_of(pending, default_ticks))
            whole, fragments, pending = at + length, fragments + 1, None
        elif kind == b"mfra" and head and pending is None:
            whole = at + length
    return FilmShape(whole, head, end_ticks / max(1, timescale), fragments)


def box_places(data: bytes | bytearray) -> Iterator[int]:
    """Where each box begins that is there to its end."""
    at = 0
    while at + HEAD_BYTES <= len(data):
        length = _number(data, at)
        if length < HEAD_BYTES or at + length > len(data):
            return
        yield at
        at += length


def whole_boxes(data: bytes | bytearray) -> int:
    """How many of the bytes hold whole boxes up to and with the last `moov`, `mdat` or `mfra`."""
    whole = 0
    for at in box_places(data):
        if data[at + 4 : at + HEAD_BYTES] in (b"moov", b"mdat", b"mfra"):
            whole = at + _number(data, at)
    return whole


def _top_boxes(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes, int]]:
    """Place, kind and length of each box that is there to its end."""
    at = 0
    while at + HEAD_BYTES <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < HEAD_BYTES or at + length > size:
            return
        yield at, head[4:8], length
        at += length


def _body(file: BinaryIO, at: int, length: int) -> bytes:
    if length > MAX_BOX_BYTES:
        return b""
    file.seek(at + HEAD_BYTES)
    return file.read(length - HEAD_BYTES)


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every box inside, at any depth, with its own bytes."""
    at = 0
    while at + HEAD_BYTES <= len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        if length < HEAD_BYTES or at + length > len(body):
            return
        kind, inner = body[at + 4 : at + 8], body[at + 8 : at + length]
        yield kind, inner
        if kind in _CONTAINERS:
            yield from _boxes(inner)
        at += length


def _number(body: bytes | bytearray, at: int, num_bytes: int = 4) -> int:
    return int.from_bytes(body[at : at + num_bytes], "big")


def _timescale(moov: bytes) -> int:
    for kind, body in _boxes(moov):
        if kind == b"mdhd" and body:
            return _number(body, 20 if body[0] == 1 else 12) or 1
    return 1


def _default_duration(moov: bytes) -> int:
    return next((_number(body, 12) for kind, body in _boxes(moov) if kind == b"trex"), 0)


def _end_of(moof: bytes, default_ticks: int) -> int:
    """When a fragment's last sample ends, in ticks."""
    start = ticks = 0
    for kind, body in _boxes(moof):
        flags = _number(body, 1, 3) if len(body) >= 4 else 0
        if kind == b"tfhd":
            at = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
            default_ticks = _number(body, at) if flags & 0x8 else default_ticks
        elif kind == b"tfdt" and body:
            start = _number(body, 4, 8 if body[0] == 1 else 4)
        elif kind == b"trun":
            ticks += _run_ticks(body, flags, default_ticks)
    return start + ticks


def _run_ticks(trun: bytes, flags: int, default_ticks: int) -> int:
    count = _number(trun, 4)
    if not flags & _SAMPLE_DURATION:
        return count * default_ticks
    first = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
    fields = (_SAMPLE_DURATION, _SAMPLE_SIZE, _SAMPLE_FLAGS, _SAMPLE_OFFSET)
    stride = 4 * sum(bool(flags & field) for field in fields)
    count = min(count, max(0, len(trun) - first) // stride)
    return sum(_number(trun, first + index * stride) for index in range(count))
