"""The picture of an object in an event."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from streamtrack.rules.thumbnail import MAX_JPEG_BYTES, thumbnail
from tests.support.image_files import decode_image

NOISE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


@pytest.mark.parametrize("side", [16, 160, 320])
def test_picture_is_bounded_whatever_it_shows(side: int) -> None:
    data = thumbnail(NOISE, (0, 0, 640, 480), side)
    if data is None:  # noise of that size compresses to nothing less
        assert side == 320
        return
    jpeg = base64.b64decode(data)
    assert len(jpeg) <= MAX_JPEG_BYTES
    assert max(decode_image(jpeg).shape) == side


def test_object_at_the_edge_is_cut_there() -> None:
    data = thumbnail(NOISE, (600, 440, 640, 480), 160)
    assert data is not None
    assert decode_image(base64.b64decode(data)).shape == (46, 46, 3)


def test_object_without_pixels_has_no_picture() -> None:
    assert thumbnail(NOISE, (0, 0, 0, 0), 160) is None
