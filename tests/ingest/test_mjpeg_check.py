from __future__ import annotations

import random
from collections.abc import Iterator

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtrack.frame import Image
from streamtrack.ingest.mjpeg_check import MjpegCheck, find_height
from tests.support.smear import is_smeared, noisy_picture

SAMPLINGS = {
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}
NUM_FLIPS = 150


def coded(image: Image, *options: int) -> bytes:
    data: bytes = cv2.imencode(".jpg", image, list(options))[1].tobytes()
    return data


def flipped(data: bytes, rng: random.Random) -> bytes:
    """A bit of the picture's own data is another one."""
    bit = 8 * (data.index(b"\xff\xda") + 14)
    bit += rng.randrange(8 * len(data) - 16 - bit)
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def decoded(decoder: av.VideoCodecContext, data: bytes) -> Iterator[Image]:
    try:
        yield from (frame.to_ndarray(format="rgb24") for frame in decoder.decode(av.Packet(data)))
    except av.error.FFmpegError:
        return


@pytest.mark.parametrize("height", [96, 90])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("restarts", [0, 4])
def test_sound_pictures_pass(sampling: str, height: int, restarts: int) -> None:
    check = MjpegCheck(None)
    options = (
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling]),
        *(cv2.IMWRITE_JPEG_RST_INTERVAL, restarts),
    )
    pictures = [noisy_picture(number)[:height, :200] for number in range(12)]

    assert all(check.is_sound(coded(picture, *options)) for picture in pictures)


def test_most_flips_that_show_are_found() -> None:
    check, decoder, rng = MjpegCheck(None), av.CodecContext.create("mjpeg", "r"), random.Random(0)
    shown = found = 0
    for number in range(NUM_FLIPS):
        data = coded(noisy_picture(number % 40)[..., ::-1])
        assert check.is_sound(data)
        harmed = flipped(data, rng)
        [truth] = decoded(decoder, data)
        if any(is_smeared(image, truth) for image in decoded(decoder, harmed) if image.shape == truth.shape):
            shown += 1
            found += not check.is_sound(harmed)

    # The rest are values that changed and kept their length: nothing in the data tells.
    assert found > 0.5 * shown > 5


def test_height_is_found_in_what_is_coded_in_one_scan_alone() -> None:
    data = coded(np.zeros((48, 64, 3), np.uint8))
    at = find_height(data)

    assert at is not None
    assert int.from_bytes(data[at : at + 2], "big") == 48
    assert find_height(coded(np.zeros((48, 64, 3), np.uint8), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)) is None


@given(st.binary(max_size=300))
def test_any_data_are_judged(data: bytes) -> None:
    find_height(b"\xff\xd8" + data)
    MjpegCheck(None).is_sound(b"\xff\xd8" + data)
