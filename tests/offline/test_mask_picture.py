"""Mask pictures: one rule for transparency, two values, soft edges and labels."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from streamtrack.errors import PromptError
from streamtrack.offline.mask_picture import read_mask

Pixels = NDArray[np.uint8]

DISC = cv2.circle(np.zeros((120, 160), np.uint8), (60, 66), 30, 1, -1)
WHITE = DISC * np.uint8(255)
LABELS = cv2.rectangle(DISC.copy(), (110, 10), (150, 50), 2, -1)
RNG = np.random.default_rng(7)
PHOTO = cv2.resize(RNG.integers(0, 255, (15, 20, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)


def colours(labels: Pixels, *palette: tuple[int, int, int]) -> Pixels:
    return np.array(palette, np.uint8)[labels]


def with_alpha(rgb: Pixels | int, alpha: Pixels) -> Pixels:
    picture = np.zeros((*alpha.shape, 4), np.uint8)
    picture[..., :3] = rgb if isinstance(rgb, int) else rgb[..., None]
    picture[..., 3] = alpha
    return picture


def palette(indices: Pixels, *entries: tuple[int, int, int]) -> Image.Image:
    picture = Image.frombytes("P", (indices.shape[1], indices.shape[0]), indices.tobytes())
    picture.putpalette([value for entry in entries for value in entry])
    return picture


def soft(sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(WHITE, (0, 0), sigma), np.uint8)


def antialiased() -> Pixels:
    return np.asarray(cv2.circle(np.zeros((120, 160), np.uint8), (60, 66), 30, 255, -1, cv2.LINE_AA))


OBJECT: dict[str, Callable[[], Pixels | NDArray[np.uint16] | Image.Image]] = {
    "black_and_white.png": lambda: WHITE,
    "0_and_1.png": lambda: DISC,
    "0_and_7.png": lambda: DISC * np.uint8(7),
    "16_bit_0_and_1.png": lambda: DISC.astype(np.uint16),
    "16_bit_0_and_255.png": lambda: WHITE.astype(np.uint16),
    "16_bit_full.png": lambda: DISC.astype(np.uint16) * 65_535,
    "16_bit_soft.png": lambda: np.asarray(cv2.GaussianBlur(DISC * 65_535.0, (0, 0), 2)).astype(np.uint16),
    "one_bit.png": lambda: Image.fromarray(DISC > 0),
    "soft.png": lambda: soft(4),
    "antialiased.png": antialiased,
    "good.jpg": lambda: WHITE,
    "red.jpg": lambda: colours(DISC, (0, 0, 0), (220, 10, 20)),
    "lossy.webp": lambda: WHITE,
    "dark_red.png": lambda: colours(DISC, (0, 0, 0), (64, 0, 0)),
    "transparent.png": lambda: with_alpha(255, WHITE),
    "transparent_black_soft.png": lambda: with_alpha(0, soft(2)),
    "alpha_before_colour.png": lambda: with_alpha(np.uint8(255) - WHITE, WHITE),
    "opaque.png": lambda: with_alpha(WHITE, np.full_like(DISC, 255)),
    "palette.png": lambda: palette(DISC, (0, 0, 0), (128, 0, 0), (0, 128, 0)),
    "palette_swapped.png": lambda: palette(1 - DISC, (255, 255, 255), (0, 0, 0)),
}

REFUSED: dict[str, tuple[Callable[[], Pixels | Image.Image], str]] = {
    "labels.png": (lambda: LABELS, "areas of 3 values or colours"),
    "labels_far_apart.png": (lambda: LABELS * np.uint8(127), "areas of 3 values or colours"),
    "labels.jpg": (lambda: LABELS * np.uint8(127), "areas that are neither black nor white"),
    "label_palette.png": (
        lambda: palette(LABELS, (0, 0, 0), (128, 0, 0), (0, 128, 0)),
        "areas of 3 values or colours",
    ),
    "colours.png": (lambda: colours(LABELS, (0, 0, 0), (255, 0, 0), (0, 255, 0)), "areas of 3 values"),
    "colours.jpg": (lambda: colours(LABELS, (0, 0, 0), (255, 0, 0), (0, 255, 0)), "several colours"),
    "with_void_border.png": (
        lambda: np.where(cv2.dilate(DISC, np.ones((9, 9), np.uint8)) > DISC, np.uint8(255), DISC),
        "areas of 3 values",
    ),
    "no_black.png": (lambda: DISC * np.uint8(2) + np.uint8(5), "no black"),
    "photo.png": (lambda: PHOTO, "areas that are neither black nor white"),
    "black.png": (lambda: np.zeros_like(DISC), "is black"),
    "wholly_transparent.png": (lambda: with_alpha(255, np.zeros_like(DISC)), "nothing is half opaque"),
}


def save(picture: Pixels | NDArray[np.uint16] | Image.Image, path: Path) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, quality=75) if path.suffix in (".jpg", ".webp") else image.save(path)
    return path


@pytest.mark.parametrize("name", OBJECT)
def test_object_is_what_was_drawn(name: str, tmp_path: Path) -> None:
    mask = read_mask(save(OBJECT[name](), tmp_path / name))
    assert mask.dtype == np.bool_
    drawn = DISC > 0
    # A blurred or compressed edge moves by less than a pixel of a disc of 60.
    assert (mask & drawn).sum() / (mask | drawn).sum() > 0.95


@pytest.mark.parametrize("name", REFUSED)
def test_picture_that_could_mean_several_things_is_refused(name: str, tmp_path: Path) -> None:
    make, error = REFUSED[name]
    path = save(make(), tmp_path / name)
    with pytest.raises(PromptError, match=error) as caught:
        read_mask(path)
    assert str(caught.value).startswith(f"--mask {path}: ")


def test_all_white_is_the_whole_frame(tmp_path: Path) -> None:
    assert read_mask(save(np.full_like(DISC, 255), tmp_path / "white.png")).all()


def test_picture_turned_by_its_header_is_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    Image.fromarray(np.rot90(WHITE).copy()).save(tmp_path / "turned.jpg", exif=exif)
    mask = read_mask(tmp_path / "turned.jpg")
    assert mask.shape == DISC.shape
    assert (mask == (DISC > 0)).mean() > 0.99


def test_animation_text_and_half_a_file_are_refused(tmp_path: Path) -> None:
    first, second = Image.fromarray(WHITE), Image.fromarray(np.uint8(255) - WHITE)
    first.save(tmp_path / "two.gif", save_all=True, append_images=[second])
    with pytest.raises(PromptError, match="holds 2 pictures, expected one"):
        read_mask(tmp_path / "two.gif")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(PromptError, match="not a picture"):
        read_mask(tmp_path / "text.png")
    whole = save(soft(4), tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PromptError, match="damaged"):
        read_mask(tmp_path / "half.png")
    with pytest.raises(PromptError, match="no such file"):
        read_mask(tmp_path)


@pytest.mark.parametrize("side", [6_000, 30_000])
def test_bomb_is_refused_by_its_header(side: int, tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    started = time.monotonic()
    with pytest.raises(PromptError, match="has more than 33554432 pixels"):
        read_mask(tmp_path / "bomb.png")
    assert time.monotonic() - started < 0.5, "900 million pixels take ten seconds to unpack"
