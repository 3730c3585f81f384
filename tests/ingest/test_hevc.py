"""HEVC's headers, and the second look: sound streams of every kind pass it, damaged ones do not."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtrack.ingest import hevc
from streamtrack.ingest.alarms import MAX_FALSE_ALARMS, Alarms
from streamtrack.ingest.h264 import split_units
from streamtrack.ingest.hevc_check import HevcEndCheck
from streamtrack.ingest.hevc_order import PictureOrder
from streamtrack.ingest.hevc_slice import escaped_length, is_slice, moved, read_slice
from tests.support.smear import noisy_picture

SOUND = (
    # width and height in whole blocks or not, rows of their own or not: every way of looking
    ((256, 128), "ctu=64", "yuv420p"),
    ((256, 144), "ctu=64:wpp=0", "yuv420p"),
    ((256, 144), "ctu=64", "yuv420p"),
    ((200, 150), "ctu=64:wpp=0", "yuv420p"),
    # headers of every length
    ((256, 128), "ctu=32:slices=2", "yuv420p"),
    ((256, 144), "wpp=0:bframes=4:b-pyramid=1:open-gop=1:weightb=1:ref=5", "yuv420p"),
    ((256, 144), "wpp=0:scaling-list=default:tskip=1:cbqpoffs=2:no-deblock=1", "yuv420p"),
    ((256, 144), "wpp=0:temporal-layers=1:bframes=3:lossless=1", "yuv420p"),
    # samples of other kinds
    ((256, 144), "wpp=0", "yuv420p10le"),
    ((256, 144), "wpp=0", "gray"),
)


@functools.cache
def coded(size: tuple[int, int], params: str, pixels: str = "yuv420p") -> tuple[tuple[bytes, ...], ...]:
    """The units of 20 pictures, a keyframe every 10."""
    encoder = av.CodecContext.create("libx265", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.framerate, encoder.thread_count = pixels, 25, 1
    params = f"log-level=none:pools=1:repeat-headers=1:keyint=10:{params}"
    encoder.options = {"preset": "fast", "x265-params": params}
    packets = []
    for number in range(20):
        image = np.asarray(cv2.resize(noisy_picture(number), size), np.uint8)
        packets += encoder.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels))
    packets += encoder.encode(None)
    return tuple(tuple(split_units(bytes(packet), None)) for packet in packets)


def all_alarms(pictures: Sequence[Sequence[bytes]]) -> set[int]:
    check = HevcEndCheck([])
    return {number for at, units in enumerate(pictures) for number in judged(check, at, units)}


def judged(check: HevcEndCheck, number: int, units: Sequence[bytes]) -> set[int]:
    check.head_of(units)
    return check.damaged(number, units)


@pytest.mark.parametrize(("size", "params", "pixels"), SOUND)
def test_sound_stream_raises_no_alarm_and_one_that_is_cut_does(
    size: tuple[int, int], params: str, pixels: str
) -> None:
    pictures = coded(size, f"{params}:crf=14", pixels)
    assert all_alarms(pictures) == set()

    cut = [unit[: 2 * len(unit) // 3] if is_slice(unit) else unit for unit in pictures[11]]
    harmed = [*pictures[:11], cut, *pictures[12:]]
    is_blind = size[0] % 64 and size[1] % 64  # neither a row nor a column can be added
    assert 11 in all_alarms(harmed) or is_blind


@pytest.mark.parametrize(
    ("size", "params"), [((256, 128), "ctu=32"), ((256, 144), "ctu=32:wpp=0"), ((256, 144), "ctu=32")]
)
def test_flipped_bits_are_found(size: tuple[int, int], params: str) -> None:
    pictures = coded(size, f"{params}:crf=12:bframes=0")
    found = 0
    rng = np.random.default_rng(0)
    tries = range(1, 10, 2)
    for number in tries:
        changed = [bytearray(unit) for unit in pictures[number]]
        slice_unit = next(unit for unit in changed if is_slice(bytes(unit)))
        at = int(rng.integers(len(slice_unit) // 4, len(slice_unit) // 2))
        slice_unit[at] ^= 1 << int(rng.integers(8))
        harmed = [*pictures[:number], [bytes(unit) for unit in changed], *pictures[number + 1 : 10]]
        found += number in all_alarms(harmed)

    assert found >= len(tries) - 1  # one in a last row of wavefronts may pass


def test_headers_of_a_stream_are_read() -> None:
    pictures = coded((256, 144), "ctu=64:wpp=0:bframes=0")
    sets = {hevc.unit_type(unit): unit for unit in pictures[0]}
    sps, pps = hevc.read_sps(sets[hevc.SPS]), hevc.read_pps(sets[hevc.PPS])
    assert sps is not None
    assert pps is not None
    assert (sps.width_px, sps.height_px, sps.block_px, sps.num_blocks) == (256, 144, 64, 12)

    wider = hevc.read_sps(hevc.resized_sps(sets[hevc.SPS], sps, 320, 144))
    assert wider is not None
    assert (wider.width_px, wider.height_px, wider.ref_sets) == (320, 144, sps.ref_sets)
    tiled = hevc.read_pps(hevc.tiled_pps(sets[hevc.PPS], pps, 4))
    assert tiled is not None
    assert (pps.has_tiles, tiled.has_tiles, tiled.modifies_lists) == (False, True, pps.modifies_lists)


def test_slice_keeps_its_data_where_its_header_is_changed() -> None:
    pictures = coded((256, 128), "ctu=32:slices=2:bframes=0")
    sets = {hevc.unit_type(unit): unit for unit in pictures[0]}
    sps, pps = hevc.read_sps(sets[hevc.SPS]), hevc.read_pps(sets[hevc.PPS])
    assert sps is not None
    wider = sps.resized(320, 128)
    addresses = []
    for unit in pictures[3]:
        head = read_slice(unit, sps, lambda _: pps)
        assert head is not None
        other = moved(unit, head, sps, wider, in_tiles=False)
        changed = read_slice(other, wider, lambda _: pps)
        assert changed is not None
        addresses.append((head.address, changed.address))
        own_data = unit[2 + escaped_length(unit[2:], head.num_bytes) :]
        assert other[2 + escaped_length(other[2:], changed.num_bytes) :] == own_data
    assert addresses == [(0, 0), (16, 20)]  # the third row of 8 blocks, and of 10


@given(st.binary(max_size=200))
def test_damaged_headers_are_none(data: bytes) -> None:
    hevc.read_sps(data)
    hevc.read_pps(data)
    sets = {hevc.unit_type(unit): unit for unit in coded((256, 128), "ctu=64")[0]}
    sps, pps = hevc.read_sps(sets[hevc.SPS]), hevc.read_pps(sets[hevc.PPS])
    assert sps is not None
    read_slice(data, sps, lambda _: pps)


@pytest.mark.parametrize(
    "params",
    [
        "bframes=0",
        "bframes=4:b-pyramid=1:open-gop=1:ref=4",
        "bframes=3:open-gop=0",
        "temporal-layers=1:bframes=3",
    ],
)
def test_reference_that_never_came_is_missed(params: str) -> None:
    pictures = coded((256, 128), f"ctu=32:{params}")

    def misses(lost: int | None) -> list[int]:
        check, order = HevcEndCheck([]), PictureOrder()
        found = []
        for number, units in enumerate(pictures):
            head = check.head_of(units)
            assert head is not None
            assert check.sequence is not None
            if number != lost and order.follow(head, check.sequence):
                found.append(number)
        return found

    assert misses(None) == []
    assert misses(1)[:1] == [2]  # the first after the keyframe is one that others are predicted from
    assert max(misses(1)) < 19


def test_look_that_was_never_right_is_not_believed() -> None:
    alarms = Alarms()
    assert alarms.raised({1}) == set()
    alarms.passed()
    assert alarms.raised({2}) == {2}
    alarms.raised(set(range(MAX_FALSE_ALARMS + 2)))  # one was right before

    assert alarms.is_misled
    alarms.passed()
    assert alarms.raised({3}) == set()
