from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from streamtrack.errors import PublishError, ShapeError
from streamtrack.frame import BoolMask, ObjectMask
from streamtrack.publish.mask_codec import (
    MAX_FRAME_PX,
    MAX_SIDE_PX,
    decode_bits,
    decode_rle,
    decode_rle_crop,
    encode_bits,
    encode_rle,
)
from tests.support.masks import disc, nothing_but_publish_error


@st.composite
def masks(draw: st.DrawFn) -> BoolMask:
    """Noise, boxes, bars over the whole height or width, empty and full ones; 1 to 24 pixels a side."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    mask = np.zeros((height, width), dtype=np.bool_)
    for _ in range(draw(st.integers(0, 3))):
        y0, y1 = sorted(draw(st.tuples(st.integers(0, height), st.integers(0, height))))
        x0, x1 = sorted(draw(st.tuples(st.integers(0, width), st.integers(0, width))))
        if draw(st.booleans()):
            y0, y1 = 0, height
        mask[y0:y1, x0:x1] ^= True
    if draw(st.booleans()):
        mask ^= draw(hnp.arrays(np.bool_, (height, width), fill=st.just(False)))
    return mask


def coco_counts(mask: BoolMask) -> bytes:
    """What pycocotools makes of the whole mask."""
    counts = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert isinstance(counts, bytes)
    return counts


@given(masks())
def test_rle_of_the_crop_equals_pycocotools_on_the_whole_mask(mask: BoolMask) -> None:
    item = ObjectMask.from_mask(mask, 1)
    data = encode_rle(item.crop, item.box, item.frame_size)
    assert data == coco_counts(mask)
    np.testing.assert_array_equal(decode_rle(data, item.frame_size), mask)
    np.testing.assert_array_equal(decode_rle_crop(data, item.box, item.frame_size), item.crop)


@given(masks())
def test_rle_of_a_crop_that_is_larger_than_the_object_is_the_same(mask: BoolMask) -> None:
    height, width = mask.shape
    assert encode_rle(mask, (0, 0, width, height), (height, width)) == coco_counts(mask)


@given(masks())
def test_bits_survive_the_round_trip(mask: BoolMask) -> None:
    item = ObjectMask.from_mask(mask, 1)
    np.testing.assert_array_equal(decode_bits(encode_bits(item.crop), item.box), item.crop)


def test_runs_of_millions_of_pixels_equal_pycocotools() -> None:
    height, width = 1080, 1920
    for mask in (
        disc(3, height, width),
        np.ones((height, width), np.bool_),
        np.zeros((height, width), np.bool_),
    ):
        item = ObjectMask.from_mask(mask, 1)
        data = encode_rle(item.crop, item.box, item.frame_size)
        assert data == coco_counts(mask)
        np.testing.assert_array_equal(decode_rle_crop(data, item.box, item.frame_size), item.crop)


# pycocotools' own decoder uses an old numpy protocol.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_decodes_our_bytes_as_they_are() -> None:
    item = ObjectMask.from_mask(disc(1), 1)
    data = encode_rle(item.crop, item.box, item.frame_size)
    decoded = coco.decode({"size": list(item.frame_size), "counts": data})
    np.testing.assert_array_equal(decoded.astype(np.bool_), item.mask)


def test_crop_that_is_not_the_box_raises_shape_error() -> None:
    with pytest.raises(ShapeError, match=r"crop is \(2, 3\) in box \(0, 0, 2, 2\) of frame \(9, 9\)"):
        encode_rle(np.ones((2, 3), np.bool_), (0, 0, 2, 2), (9, 9))


@given(st.binary(max_size=64), st.integers(1, 40), st.integers(1, 40))
def test_garbage_is_run_lengths_or_publish_error(data: bytes, height: int, width: int) -> None:
    box, size = (0, 0, width, height), (height, width)
    with nothing_but_publish_error():
        assert decode_rle(data, size).shape == size
    with nothing_but_publish_error():
        assert decode_rle_crop(data, box, size).shape == size
    with nothing_but_publish_error():
        assert decode_bits(data, box).shape == size


@settings(max_examples=300)
@given(st.text(alphabet=[chr(code) for code in range(48, 112)], min_size=1, max_size=12))
def test_any_run_lengths_that_are_taken_fill_the_frame(text: str) -> None:
    try:
        mask = decode_rle(text.encode(), (3, 5))
    except PublishError:
        return
    # The same mask may be written with empty runs; what is taken must mean a mask.
    np.testing.assert_array_equal(decode_rle(coco_counts(mask), (3, 5)), mask)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "coco_rle: 0 bytes, expected run lengths of 100 pixels"),
        (b"\xff", "coco_rle: holds a byte that is no character of COCO's counts"),
        (b"P", "coco_rle: ends inside a number"),
        (b"PPPPPPP0", "coco_rle: a number of 8 groups, expected at most 7"),
        (b"0", "coco_rle: run lengths do not fill the frame of 100 pixels"),
        (b"T" * 7 + b"3", "coco_rle: a number of 8 groups, expected at most 7"),
        (b"0" * 200, "coco_rle: 200 bytes, expected run lengths of 100 pixels"),
    ],
)
def test_bad_run_lengths_are_told_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(PublishError) as caught:
        decode_rle(data, (10, 10))
    assert str(caught.value) == message


def test_mask_outside_its_box_is_told() -> None:
    data = encode_rle(np.ones((10, 10), np.bool_), (0, 0, 10, 10), (10, 10))
    with pytest.raises(PublishError, match="100 pixels, of which 4 lie in the box"):
        decode_rle_crop(data, (3, 3, 5, 5), (10, 10))


@pytest.mark.parametrize(
    "size", [(0, 5), (-1, 5), (MAX_SIDE_PX + 1, 1), (MAX_SIDE_PX, MAX_FRAME_PX // MAX_SIDE_PX + 1)]
)
def test_frame_that_no_camera_has_is_refused_before_memory_is_taken(size: tuple[int, int]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(PublishError, match="frame_size is"):
            decode_rle(b"0", size)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_zstd_bomb_is_refused_before_memory_is_taken() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(256 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(PublishError, match="bits_zstd: holds 268435456 bytes, expected 13"):
            decode_bits(bomb, (0, 0, 10, 10))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_zstd_frame_without_its_size_is_refused() -> None:
    nameless = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(13))
    with pytest.raises(PublishError, match="bits_zstd: holds -1 bytes, expected 13"):
        decode_bits(nameless, (0, 0, 10, 10))
