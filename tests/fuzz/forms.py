"""Forms with films: how a job is asked for, and films and pictures that are damaged."""

from __future__ import annotations

import functools
import io
import random
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from tests.fuzz.mutate import damaged
from tests.support.films import write_clip

BOUNDARY = b"a-boundary"
TYPE = "multipart/form-data; boundary=" + BOUNDARY.decode()
PROMPTS = b"[{object_id: 1, box: [10, 10, 60, 60]}, {object_id: 2, mask: m.png}]"
OPTIONS = b'{"exports": ["objects"], "stride": 2, "end": 4}'


def part(name: bytes, data: bytes, file_name: bytes | None = None) -> bytes:
    head = b'Content-Disposition: form-data; name="' + name + b'"'
    head += b"" if file_name is None else b'; filename="' + file_name + b'"'
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


@functools.cache
def films() -> dict[str, bytes]:
    """Sound films and pictures, by their suffix."""
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "clip.mp4", 8)
        found = {"mp4": clip.read_bytes()}
        for suffix, codec in (("mkv", "libx264"), ("avi", "mjpeg"), ("webm", "libvpx"), ("ts", "libx264")):
            found[suffix] = write_clip(Path(folder) / f"clip.{suffix}", 6, codec=codec).read_bytes()
    picture = Image.fromarray(np.arange(96 * 160 * 3, dtype=np.uint32).astype(np.uint8).reshape(96, 160, 3))
    for suffix in ("png", "jpeg", "gif", "bmp", "webp", "tiff"):
        buffer = io.BytesIO()
        picture.save(buffer, suffix)
        found[suffix] = buffer.getvalue()
    return found


@functools.cache
def mask_png() -> bytes:
    mask = np.zeros((96, 160), np.uint8)
    mask[20:60, 30:90] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "png")
    return buffer.getvalue()


def bomb_png(side: int) -> bytes:
    """A picture of one colour, `side` pixels each way, that takes a thousandth of it in bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    row, packer = b"\0" + b"\xff" * side, zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def sound_form() -> bytes:
    """A film and a prompt."""
    film = part(b"film", films()["mp4"], b"clip.mp4")
    return form(film, part(b"prompts", PROMPTS.split(b", {")[0] + b"]"), part(b"options", OPTIONS))


def odd_form(rng: random.Random) -> tuple[bytes, str]:
    """A form with something changed, and its content type."""
    suffix, film = rng.choice(sorted(films().items()))
    film = damaged(film, rng, list(films().values())) if rng.random() < 0.6 else film
    mask = damaged(mask_png(), rng) if rng.random() < 0.3 else mask_png()
    prompts = damaged(PROMPTS, rng) if rng.random() < 0.3 else PROMPTS
    options = damaged(OPTIONS, rng) if rng.random() < 0.2 else OPTIONS
    parts = [
        part(b"film", film, b"clip." + suffix.encode()),
        part(b"prompts", prompts),
        part(b"mask", mask, b"m.png"),
        part(b"options", options),
    ]
    if rng.random() < 0.2:
        rng.shuffle(parts)
    if rng.random() < 0.2:
        parts.append(rng.choice(parts))
    if rng.random() < 0.2:
        del parts[rng.randrange(len(parts))]
    data = form(*parts)
    kind = TYPE
    if rng.random() < 0.15:
        data = damaged(data, rng)
    if rng.random() < 0.05:
        kind = (
            damaged(TYPE.encode(), rng)
            .decode("latin-1")
            .replace("\n", "")
            .replace("\r", "")
            .replace("\0", "")
        )
    return data, kind


def frames_of(data: bytes) -> int:
    """Pictures that FFmpeg finds in a film."""
    with av.open(io.BytesIO(data)) as container:
        found: Any = container.decode(video=0)
        return sum(1 for _ in found)
