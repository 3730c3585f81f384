"""What is taken as a frame: any uint8 RGB picture, however it lies in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.engine.preprocess import as_frame, as_image
from streamtrack.errors import ShapeError
from streamtrack.frame import Image

PICTURE: Image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


class Subclass(np.ndarray):
    pass


def read_only(picture: Image) -> Image:
    copied = picture.copy()
    copied.flags.writeable = False
    return copied


SAME: dict[str, Callable[[Image], Any]] = {
    "as it is": lambda picture: picture,
    "BGR turned round": lambda picture: picture[..., ::-1].copy()[..., ::-1],
    "upside down twice": lambda picture: picture[::-1].copy()[::-1],
    "Fortran order": np.asfortranarray,
    "slice of a larger one": lambda picture: np.pad(picture, ((2, 3), (4, 5), (0, 0)))[2:-3, 4:-5],
    "every second of a larger one": lambda picture: picture.repeat(2, axis=1)[:, ::2],
    "RGB of RGBA": lambda picture: np.dstack((picture, picture[..., :1]))[..., :3],
    "channels first, moved": lambda picture: np.moveaxis(np.moveaxis(picture, -1, 0).copy(), 0, -1),
    "read-only": read_only,
    "subclass": lambda picture: picture.view(Subclass),
    "masked array": np.ma.masked_array,
    "torch": torch.from_numpy,
    "torch, permuted": lambda picture: (
        torch.from_numpy(picture).permute(2, 0, 1).contiguous().permute(1, 2, 0)
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_picture_is_taken_however_it_lies_in_memory(name: str) -> None:
    given = SAME[name](PICTURE)
    frame = as_frame(given, 0, SYSTEM_CLOCK)
    for taken in (frame, as_frame(replace(frame, image=given), 1, SYSTEM_CLOCK)):
        assert type(taken.image) is np.ndarray
        assert taken.image.flags.c_contiguous
        np.testing.assert_array_equal(taken.image, PICTURE)


def test_a_plain_picture_is_not_copied() -> None:
    assert as_image(PICTURE) is PICTURE


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"frame is \(4, 5\) uint8 \(a grey picture\?\), expected"),
        (np.zeros((4, 5, 1), np.uint8), r"\(a grey picture\?\)"),
        (np.zeros((3, 40, 50), np.uint8), r"frame is \(3, 40, 50\) uint8 \(channels first\?\), expected"),
        (np.zeros((4, 5, 4), np.uint8), r"\(with alpha\?\)"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"frame is \(1, 4, 5, 3\) uint8, expected"),
        (np.zeros((4, 5, 3), np.float32), r"frame is \(4, 5, 3\) float32, expected \(H, W, 3\) uint8 RGB$"),
        (np.zeros((4, 5, 3), np.bool_), "bool"),
        (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\)"),
        (np.zeros((), np.uint8), r"frame is \(\) uint8"),
        (np.array([[["a"] * 3]]), "<U1"),
        (np.array([None] * 3, object).reshape(1, 1, 3), "object"),
        (torch.zeros(4, 5, 3), r"frame is \(4, 5, 3\) torch.float32"),
        (torch.zeros(3, 40, 50, dtype=torch.uint8), "channels first"),
        ([[[0, 0, 0]]], "frame is list"),
        (b"\xff\xd8", "frame is bytes"),
        (None, "frame is NoneType"),
    ],
)
def test_anything_else_is_refused_in_one_line(image: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        as_frame(image, 0, SYSTEM_CLOCK)
    assert "\n" not in str(caught.value)
