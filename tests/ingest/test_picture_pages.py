"""Files that hold several pictures, and pictures that are too large to be decoded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Frame, Image
from streamtrack.ingest import FrameReader

REDS = (10, 80, 150, 220)


def image(red: int, size: tuple[int, int] = (48, 64)) -> Image:
    """As OpenCV writes it: BGR, with a bar whose place tells the picture apart, too."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[..., 2] = red
    picture[:, : red // 8, 1] = 255
    return picture


def read(path: Path, **keys: object) -> tuple[list[Frame], FrameReader]:
    with FrameReader(SourceConfig.model_validate({"url": str(path), **keys})) as reader:
        return list(reader), reader


def reds(frames: list[Frame]) -> list[int]:
    return [min(REDS, key=lambda red: abs(red - int(f.image[24, 60, 0]))) for f in frames]


def write_animation(path: Path, images: list[Image]) -> None:
    animation = cv2.Animation()
    animation.frames = images
    animation.durations = [100] * len(images)
    assert cv2.imwriteanimation(str(path), animation)


@pytest.mark.parametrize(
    "name", ["stack.tif", "stack.TIFF", "stack with blanks #1 100%.tif", "наклон.tif", "-s.tif"]
)
def test_each_page_of_a_tiff_is_a_frame(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert cv2.imwritemulti(str(tmp_path / "s.tif"), [image(red) for red in REDS])
    (tmp_path / "s.tif").rename(path)

    frames, reader = read(path, fps=10)

    assert reds(frames) == list(REDS)
    assert (reader.info.num_frames, reader.info.counted) == (len(REDS), True)
    assert [f.pts for f in frames] == [0, 1, 2, 3]


@pytest.mark.parametrize("suffix", [".webp", ".png", ".gif"])
def test_each_picture_of_an_animation_is_a_frame(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"moves{suffix}"
    write_animation(path, [image(red) for red in REDS])

    frames, _ = read(path)

    assert reds(frames) == list(REDS)
    assert all(f.image.shape == (48, 64, 3) for f in frames)


def test_folder_of_pages_animations_and_single_pictures_is_read_in_order(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "1.tif"), [image(red) for red in REDS[:2]])
    write_animation(tmp_path / "2.webp", [image(red) for red in REDS[1:]])
    cv2.imwrite(str(tmp_path / "3.png"), image(REDS[0]))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "clip.mp4").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()

    frames, reader = read(tmp_path)

    assert reds(frames) == [10, 80, 80, 150, 220, 10]
    assert not any(f.damaged for f in frames)
    assert reader.dropped == {}


@pytest.mark.parametrize("name", ["one.tif", "one.png", "one.webp", "one.jpg", "one.bmp"])
def test_single_picture_is_a_recording_of_one_frame(name: str, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / name), image(150))

    frames, _ = read(tmp_path / name)

    assert reds(frames) == [150]


def png(width: int, height: int) -> bytes:
    """A PNG of any size in few bytes: all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + (width + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(row * 1000) for _ in range(-(-height // 1000))) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("where", ["first of a folder", "last of a folder", "file"])
@pytest.mark.parametrize("size", [(30_000, 30_000), (16_385, 8), (8, 16_385), (12_000, 12_000)])
def test_bomb_is_refused_by_its_size(where: str, size: tuple[int, int], tmp_path: Path) -> None:
    bomb = tmp_path / ("0.png" if where.startswith("first") else "9.png")
    # Its head alone: who decodes it fails otherwise than by this refusal.
    bomb.write_bytes(
        png(*size) if size[0] * size[1] < 10**6 else png(64, 64)[:16] + struct.pack(">II", *size)
    )
    cv2.imwrite(str(tmp_path / "5.png"), image(10))

    with pytest.raises(SourceError, match=rf"a picture of {size[0]}x{size[1]} pixels, expected 16384 a side"):
        FrameReader(SourceConfig(url=str(bomb if where == "file" else tmp_path)))


def test_largest_side_is_read(tmp_path: Path) -> None:
    (tmp_path / "wide.png").write_bytes(png(16_384, 8))

    (frame,), _ = read(tmp_path / "wide.png", max_width_px=1024)

    assert frame.image.shape[1] == 1024
