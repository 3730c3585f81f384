"""Masks to bytes and back, numpy only: COCO run lengths of the whole frame, or the packed bits of the crop.

Both start from a crop and its box, so that a small object in a large frame costs what the object costs. The
run lengths are byte for byte those of `pycocotools.mask.encode` on the whole mask. Nothing decoded here is
trusted: every bound is checked before memory is taken.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import zstandard
from numpy.typing import NDArray

from streamtrack.errors import PublishError, ShapeError
from streamtrack.frame import BoolMask

MaskEncoding = Literal["coco_rle", "bits_zstd"]
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, x1 and y1 exclusive; all 0 where the mask is empty."""

MAX_SIDE_PX = 16_384
MAX_FRAME_PX = 1 << 26
"""Pixels of the largest frame that is decoded: 67 million, twice 8K video; a larger claim is no camera's."""

_ZSTD_LEVEL = 1
"""A ragged 1080p mask: level 1 makes 3.7 kB in 0.09 ms, 3 makes 4.1 kB in 0.11 ms, 9 3.6 kB in 0.97 ms."""
_GROUP_BITS = 5
_MAX_GROUPS = 7
"""7 groups of 5 bits hold any 32-bit run; a longer number is not a run length."""
_FIRST_CHARACTER = 48
"""COCO writes each group as a character from '0' on."""


def encode_mask(crop: BoolMask, box: Box, frame_size: tuple[int, int], encoding: MaskEncoding) -> bytes:
    """The bytes of one mask: `coco_rle` as `encode_rle`, `bits_zstd` as `encode_bits`."""
    return encode_rle(crop, box, frame_size) if encoding == "coco_rle" else encode_bits(crop)


def encode_rle(crop: BoolMask, box: Box, frame_size: tuple[int, int]) -> bytes:
    """COCO's compressed counts of the whole (H, W) mask, from its crop.

    Args:
        crop: (y1 - y0, x1 - x0) bool, the mask inside `box`; the mask is empty elsewhere.
        frame_size: H, W in pixels.
    Raises:
        ShapeError: crop, box and frame disagree.
    """
    x0, y0, x1, y1 = box
    height, width = frame_size
    if not (0 <= x0 <= x1 <= width and 0 <= y0 <= y1 <= height) or crop.shape != (y1 - y0, x1 - x0):
        raise ShapeError(f"crop is {crop.shape} in box {box} of frame {frame_size}, expected it to fit")
    # COCO counts down the columns. Values change where a row differs from the row above, with empty rows
    # around the crop; changes of one column come in pairs, a run's start and its end. Few pixels are edges:
    # to sort those is cheaper than to transpose the crop.
    changed = np.empty((y1 - y0 + 1, x1 - x0), dtype=np.bool_)
    changed[0] = changed[-1] = False
    if crop.size:
        changed[0], changed[-1] = crop[0], crop[-1]
        np.not_equal(crop[1:], crop[:-1], out=changed[1:-1])
    row, column = np.divmod(np.flatnonzero(changed), max(1, x1 - x0))
    edges = np.sort((column + x0) * height + (row + y0))
    if y0 == 0 and y1 == height:
        # A run that reaches the bottom goes on at the top of the next column: its end is the next start.
        joined = np.flatnonzero(edges[1:-1:2] == edges[2::2])
        edges = np.delete(edges, np.concatenate((2 * joined + 1, 2 * joined + 2)))
    if edges.size and edges[-1] == height * width:
        edges = edges[:-1]  # the last run ends with the frame; COCO writes no empty run behind it
    counts = np.diff(edges, prepend=0, append=height * width)
    return _pack_counts(counts)


def decode_rle(data: bytes | memoryview, frame_size: tuple[int, int]) -> BoolMask:
    """The whole (H, W) bool mask of COCO's compressed counts.

    Raises:
        PublishError: the bytes are not run lengths, or do not fill the frame exactly.
    """
    height, width = check_frame_size(frame_size)
    counts = _unpack_counts(data, height * width)
    return _fill(counts).reshape(width, height).T


def decode_rle_crop(data: bytes | memoryview, box: Box, frame_size: tuple[int, int]) -> BoolMask:
    """The (y1 - y0, x1 - x0) bool crop of COCO's compressed counts; only the columns of the box take memory.

    Raises:
        PublishError: the bytes are not run lengths, do not fill the frame, or the mask leaves the box.
    """
    height, width = check_frame_size(frame_size)
    x0, y0, x1, y1 = box
    counts = _unpack_counts(data, height * width)
    area_px = int(counts[1::2].sum())
    first, last = x0 * height, x1 * height
    edges = np.clip(np.cumsum(counts), first, last)
    strip = _fill(np.diff(edges, prepend=first)).reshape(x1 - x0, height)
    crop = np.ascontiguousarray(strip[:, y0:y1].T)
    if np.count_nonzero(crop) != area_px:
        raise PublishError(f"mask: {area_px} pixels, of which {np.count_nonzero(crop)} lie in the box {box}")
    return crop


def encode_bits(crop: BoolMask) -> bytes:
    """The crop's bits by rows, the first pixel in the highest bit, as one zstd frame; b"" where it is
    empty."""
    if crop.size == 0:
        return b""
    packed: NDArray[np.uint8] = np.packbits(crop)
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(packed.tobytes())


def decode_bits(data: bytes | memoryview, box: Box) -> BoolMask:
    """The (y1 - y0, x1 - x0) bool crop that `encode_bits` packed.

    Raises:
        PublishError: the bytes are not one zstd frame of exactly this crop.
    """
    x0, y0, x1, y1 = box
    height, width = y1 - y0, x1 - x0
    if height * width == 0:
        if len(data):
            raise PublishError(f"bits_zstd: {len(data)} bytes for an empty box, expected none")
        return np.zeros((height, width), dtype=np.bool_)
    num_bytes = (height * width + 7) // 8
    try:
        # The frame's own claim decides how much zstd allocates, so it is read first.
        claimed = zstandard.frame_content_size(data)
        if claimed != num_bytes:
            raise PublishError(f"bits_zstd: holds {claimed} bytes, expected {num_bytes} for the box {box}")
        packed = zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PublishError(f"bits_zstd: not a zstd frame: {_one_line(error)}") from error
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=height * width)
    return bits.reshape(height, width).view(np.bool_)


def check_frame_size(frame_size: tuple[int, int]) -> tuple[int, int]:
    """H, W as given, once both fit a camera's frame.

    Raises:
        PublishError: a side is not 1 to MAX_SIDE_PX, or the frame has more than MAX_FRAME_PX pixels.
    """
    height, width = frame_size
    if not (1 <= height <= MAX_SIDE_PX and 1 <= width <= MAX_SIDE_PX and height * width <= MAX_FRAME_PX):
        raise PublishError(
            f"frame_size is {frame_size}, expected sides up to {MAX_SIDE_PX}, {MAX_FRAME_PX} pixels in all"
        )
    return height, width


def _fill(counts: NDArray[np.int64]) -> BoolMask:
    """Runs to values: False for counts[0], True for counts[1], and so on."""
    values = np.zeros(counts.size, dtype=np.bool_)
    values[1::2] = True
    return np.repeat(values, counts)


def _pack_counts(counts: NDArray[np.int64]) -> bytes:
    """Run lengths as COCO's characters: differences to the run two before, in signed 5-bit groups, lowest
    first.

    Source: rleToString of cocoapi's maskApi.c.
    """
    numbers = counts.copy()
    numbers[3:] -= counts[1:-2]
    # n groups hold -2^(5n-1) .. 2^(5n-1) - 1; ~x mirrors the negative ones onto the same bound.
    magnitude = np.where(numbers < 0, ~numbers, numbers)
    num_groups = np.ones(numbers.size, dtype=np.int64)
    largest = int(magnitude.max())
    bound = 1 << (_GROUP_BITS - 1)
    while bound <= largest:
        num_groups += magnitude >= bound
        bound <<= _GROUP_BITS
    ends = np.cumsum(num_groups)
    characters = np.empty(int(ends[-1]), dtype=np.uint8)
    position = ends - num_groups
    while numbers.size:
        more = position < ends - 1
        characters[position] = (numbers & 0x1F) + np.where(more, _FIRST_CHARACTER + 0x20, _FIRST_CHARACTER)
        numbers, position, ends = numbers[more] >> _GROUP_BITS, position[more] + 1, ends[more]
    return characters.tobytes()


def _unpack_counts(data: bytes | memoryview, num_pixels: int) -> NDArray[np.int64]:
    """The run lengths, none negative, that sum to `num_pixels`.

    Raises:
        PublishError: they are not.
    """
    characters = np.frombuffer(data, dtype=np.uint8)
    # A run of one pixel takes one byte and longer runs take fewer bytes than pixels; the first may be empty.
    if not 0 < characters.size <= num_pixels + _MAX_GROUPS:
        raise PublishError(f"coco_rle: {characters.size} bytes, expected run lengths of {num_pixels} pixels")
    groups = characters.astype(np.int64) - _FIRST_CHARACTER
    if groups.min() < 0 or groups.max() > 0x3F:
        raise PublishError("coco_rle: holds a byte that is no character of COCO's counts")
    ends = np.flatnonzero((groups & 0x20) == 0)
    if ends.size == 0 or ends[-1] != groups.size - 1:
        raise PublishError("coco_rle: ends inside a number")
    starts = np.concatenate(([0], ends[:-1] + 1))
    num_groups = ends - starts + 1
    if num_groups.max() > _MAX_GROUPS:
        raise PublishError(f"coco_rle: a number of {num_groups.max()} groups, expected at most {_MAX_GROUPS}")
    place = np.arange(groups.size) - np.repeat(starts, num_groups)
    numbers = np.add.reduceat((groups & 0x1F) << (_GROUP_BITS * place), starts)
    negative = (groups[ends] & 0x10) != 0
    numbers -= np.where(negative, np.int64(1) << (_GROUP_BITS * num_groups), 0)
    counts = numbers.copy()
    counts[1::2] = np.cumsum(numbers[1::2])
    counts[2::2] = np.cumsum(numbers[2::2])
    # The largest is bounded before the sum, so that the sum cannot wrap round to the right answer.
    if counts.min() < 0 or counts.max() > num_pixels or counts.sum() != num_pixels:
        raise PublishError(f"coco_rle: run lengths do not fill the frame of {num_pixels} pixels")
    return counts


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
