"""What a picture file says of its size before anything of it is decoded. Pure: bytes in, numbers out."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from streamtrack.errors import SourceError

MAX_SIDE_PX = 16_384
"""Wider or higher pictures are refused: encoders end there, and a small file may claim any size."""
MAX_PIXELS = 100_000_000
"""More are refused: 300 MB once decoded."""
HEAD_BYTES = 1 << 18
"""JPEGs keep their size behind an embedded preview of 64 kB and more."""
TIFF_WIDTH, TIFF_HEIGHT, SHORT = 256, 257, 3
"""Tags of a TIFF's directory, and the type of a number of 16 bits."""
TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PNM = re.compile(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s")


def check_size(name: str, width: int, height: int) -> None:
    """Refuse what is too large to decode.

    Raises:
        SourceError: it is.
    """
    if width > MAX_SIDE_PX or height > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise SourceError(
            f"source {name}: a picture of {width}x{height} pixels, expected {MAX_SIDE_PX} a side "
            f"and {MAX_PIXELS // 1_000_000} million at most"
        )


def read_head(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def picture_size(head: bytes) -> tuple[int, int] | None:
    """Width and height that a picture's first bytes name; None where they are no picture that we know."""
    try:
        return _size(head)
    except (struct.error, IndexError):
        return None


def is_tiff(head: bytes) -> bool:
    """Whether a file begins as TIFF."""
    return head.startswith(TIFF_MAGICS)


def is_animation(head: bytes) -> bool:
    """Whether a file is a WebP or PNG that announces several pictures."""
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return bool(head[20] & 2)
    return head.startswith(b"\x89PNG") and b"acTL" in head[: head.find(b"IDAT")]


def is_still(path: Path, head: bytes) -> bool:
    """Whether a file is a picture, or pages of pictures, rather than a video that plays by its own clock."""
    if head.startswith((b"GIF8", b"\xff\xd8")):
        return head.startswith(b"\xff\xd8") and path.suffix.lower() in (".jpg", ".jpeg")
    if head.startswith(b"\x89PNG") and is_animation(head):
        return False
    return picture_size(head) is not None or is_tiff(head)


def is_webp(head: bytes) -> bool:
    """Whether a file begins as WebP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _size(head: bytes) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    if head.startswith(b"BM"):
        width, height = struct.unpack("<ii", head[18:26])
        return width, abs(height)
    if head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    if is_webp(head):
        return _webp_size(head)
    if is_tiff(head):
        return _tiff_size(head)
    match = _PNM.match(head)
    return (int(match.group(1)), int(match.group(2))) if match else None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        is_bare = marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD8
        at += (1 if marker == 0xFF else 2) if is_bare else 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _tiff_size(head: bytes) -> tuple[int, int] | None:
    """From the first page's directory, where it stands among the first bytes."""
    order = "<" if head.startswith(b"II") else ">"
    if head[2:4] not in (b"*\x00", b"\x00*"):
        return None
    at = struct.unpack(order + "I", head[4:8])[0]
    (count,) = struct.unpack(order + "H", head[at : at + 2])
    found: dict[int, int] = {}
    for number in range(count):
        entry = head[at + 2 + 12 * number : at + 14 + 12 * number]
        tag, kind = struct.unpack(order + "HH", entry[:4])
        if tag in (TIFF_WIDTH, TIFF_HEIGHT):
            found[tag] = struct.unpack(
                order + ("H" if kind == 3 else "I"), entry[8 : 10 if kind == 3 else 12]
            )[0]
    return (found[TIFF_WIDTH], found[TIFF_HEIGHT]) if len(found) == 2 else None
