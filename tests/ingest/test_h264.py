from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtrack.ingest.bits import BitReader, BitsExhaustedError, escape, unescape, unsigned_code
from streamtrack.ingest.h264 import (
    SEI,
    SLICE,
    SLICE_IDR,
    SPS,
    START_CODE,
    read_extradata,
    read_slice,
    read_sps,
    recovery_frames,
    split_units,
    taller_sps,
    unit_type,
)


@given(st.binary(max_size=64))
def test_escaped_payload_holds_no_start_code_and_comes_back(payload: bytes) -> None:
    escaped = escape(payload)

    assert not any(code in escaped for code in (b"\x00\x00\x00", b"\x00\x00\x01", b"\x00\x00\x02"))
    assert unescape(escaped) == payload


@given(st.lists(st.integers(0, 100_000), max_size=20))
def test_numbers_come_back_from_their_code(numbers: list[int]) -> None:
    bits = "".join(map(unsigned_code, numbers)) + "1"
    bits += "0" * (-len(bits) % 8)
    reader = BitReader(int(bits, 2).to_bytes(len(bits) // 8, "big"))

    assert [reader.unsigned() for _ in numbers] == numbers


def test_data_that_ends_in_a_number_is_told() -> None:
    with pytest.raises(BitsExhaustedError):
        BitReader(b"\x00").unsigned()


def test_headers_of_a_recording_are_read(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        sets, length_bytes = read_extradata(stream.codec_context.extradata)
        packets = [bytes(p) for p in container.demux(stream) if p.size]
    sps = read_sps(next(unit for unit in sets if unit_type(unit) == SPS))
    assert sps is not None
    assert (length_bytes, sps.frames_only, sps.height_units) == (4, True, 6)  # 108 rows are 7 of 16

    headers = []
    for packet in packets:
        units = split_units(packet, length_bytes)
        first = next(unit for unit in units if unit_type(unit) in (SLICE, SLICE_IDR))
        headers.append(read_slice(first, sps))

    assert [h.is_idr for h in headers if h] == [number % 10 == 0 for number in range(30)]
    assert [h.frame_num for h in headers if h] == [number % 10 for number in range(30)]
    assert all(h and h.first_macroblock == 0 and h.is_reference for h in headers)


def test_taller_parameter_set_differs_in_its_rows_alone(clip: Path) -> None:
    with av.open(str(clip)) as container:
        sets, _ = read_extradata(container.streams.video[0].codec_context.extradata)
    unit = next(unit for unit in sets if unit_type(unit) == SPS)
    sps = read_sps(unit)
    assert sps is not None

    taller = read_sps(taller_sps(unit, sps))

    assert taller is not None
    assert (taller.height_units, taller.frame_num_bits) == (sps.height_units + 1, sps.frame_num_bits)


def test_units_are_split_at_start_codes_of_three_and_four_bytes() -> None:
    stream = b"\x00" + START_CODE + b"\x67abc" + b"\x00" + START_CODE + b"\x68d" + START_CODE + b"\x65ef"

    assert split_units(stream, None) == [b"\x67abc", b"\x68d", b"\x65ef"]
    assert split_units(b"\x00\x02\x67a\x00\x01\x68", 2) == [b"\x67a", b"\x68"]


@pytest.mark.parametrize("cut", [0, 1, 5, 9])
def test_damaged_headers_are_none_and_no_error(cut: int) -> None:
    assert read_sps(b"\x67\x64\x00\x1f"[:cut] or b"\x67") is None
    assert read_extradata(b"\x01\x64\x00\x1f\xff\xe1\x00\x20\x67"[:cut])[0] in ([], [b"\x67"])


def test_recovery_point_is_found_among_other_remarks() -> None:
    other = bytes([5, 3, 1, 2, 3])
    # recovery_frame_cnt 4 as Exp-Golomb: 00101.
    point = bytes([6, 1, 0b00101100])

    assert recovery_frames(bytes([SEI]) + other + point + b"\x80") == 4
    assert recovery_frames(bytes([SEI]) + other + b"\x80") is None
