"""The header of an HEVC slice, as far as where it ends. Pure.

Source: ITU-T H.265, 7.3.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamtrack.ingest.bits import BitReader, BitsExhaustedError, unescape
from streamtrack.ingest.hevc import PictureSet, RefSet, Sequence, read_ref_set, to_payload, unit_type

HEADER_BYTES = 512
"""A header is within these, its list of rows too."""
LAST_SLICE = 31
"""Types of units from 0 on that are pictures."""
FIRST_WHOLE, LAST_WHOLE = 16, 23
IDR = (19, 20)
B, P = 0, 1
"""Types of slices; the rest is not predicted from other pictures."""
MAX_LISTED = 16
MAX_ROWS = 1024


@dataclass(frozen=True, slots=True)
class SliceHead:
    """Where a slice begins in the picture, and where in its bytes."""

    kind: int
    """Type of its unit."""
    layer: int
    """Of pictures that may be left out; 0 is needed by all others."""
    order: int
    """Lower bits of the picture's number in order of showing; 0 where none is told."""
    references: RefSet
    """Pictures that it may be predicted from, but for those that are kept for long."""
    address: int
    """The block that it begins with, in the order of rows; 0 where the picture begins."""
    address_bit: int
    """Position of the address in bits of the payload; -1 for the first slice, which tells none."""
    rows_bit: int
    """Position in bits of the payload where the number of rows is told, or would be."""
    num_bytes: int
    """Of the header's payload: the picture's data begin after it."""
    row_bytes: int
    """Of all rows but the last, as the header tells; 0 where it tells none."""


def is_slice(unit: bytes) -> bool:
    """Whether the unit holds a part of a picture."""
    return unit_type(unit) <= LAST_SLICE


def read_slice(unit: bytes, sps: Sequence, pps_of: Callable[[int], PictureSet | None]) -> SliceHead | None:
    """The head of a slice; None where it, or the set that it names, is damaged or not known."""
    bits = BitReader(unescape(unit[2 : HEADER_BYTES + 2]))
    try:
        return _head(bits, unit, sps, pps_of)
    except BitsExhaustedError:
        return None


def moved(unit: bytes, head: SliceHead, sps: Sequence, wider: Sequence, *, in_tiles: bool) -> bytes:
    """The same slice in a picture of another size.

    Args:
        sps: of its own picture, `wider` of the other.
        in_tiles: the other is in tiles, and none of them begins within the slice.
    """
    num_bits = 8 * head.num_bytes
    bits = f"{BitReader(unescape(unit[2 : HEADER_BYTES + 2])).read(num_bits):0{num_bits}b}"
    before, after = bits[: head.rows_bit], bits[head.rows_bit :]
    if head.address_bit >= 0:
        columns = -(-sps.width_px // sps.block_px)
        row, column = divmod(head.address, columns)
        address = row * -(-wider.width_px // wider.block_px) + column
        end = head.address_bit + address_bits(sps)
        before = before[: head.address_bit] + f"{address:0{address_bits(wider)}b}" + before[end:]
    header = to_payload(before + "1" * in_tiles + after)
    return unit[:2] + header + unit[2 + escaped_length(unit[2:], head.num_bytes) :]


def address_bits(sps: Sequence) -> int:
    """Of a slice's address."""
    return (sps.num_blocks - 1).bit_length()


def escaped_length(data: bytes, num_bytes: int) -> int:
    """Bytes of an escaped payload that hold so many of the payload."""
    zeros = found = at = 0
    while found < num_bytes and at < len(data):
        is_escape = zeros >= 2 and data[at] == 3
        zeros = 0 if is_escape or data[at] else zeros + 1
        found += not is_escape
        at += 1
    return at


def _head(
    bits: BitReader, unit: bytes, sps: Sequence, pps_of: Callable[[int], PictureSet | None]
) -> SliceHead | None:
    kind, layer = unit_type(unit), max(0, (int.from_bytes(unit[:2], "big") & 7) - 1)
    is_first = bool(bits.read(1))
    if FIRST_WHOLE <= kind <= LAST_WHOLE:
        bits.read(1)
    pps = pps_of(bits.unsigned())
    if pps is None:
        return None
    is_dependent, address, address_bit = False, 0, -1
    if not is_first:
        is_dependent = pps.has_dependent_slices and bool(bits.read(1))
        address_bit = bits.position
        address = bits.read(address_bits(sps))
    order: int = 0
    references: RefSet = ()
    if not is_dependent:
        order, references = _read_own_part(bits, kind, sps, pps)
    rows_bit, row_bytes = bits.position, 0
    if pps.has_tiles or pps.has_rows:
        row_bytes = _row_bytes(bits)
    if pps.has_extension:
        bits.read(8 * bits.unsigned())
    bits.read(1)
    return SliceHead(
        kind, layer, order, references, address, address_bit, rows_bit, -(-bits.position // 8), row_bytes
    )


def _row_bytes(bits: BitReader) -> int:
    num_rows = bits.unsigned()
    if not num_rows:
        return 0
    if num_rows > MAX_ROWS:
        raise BitsExhaustedError
    length = bits.unsigned() + 1
    if length > 32:
        raise BitsExhaustedError
    return sum(bits.read(length) + 1 for _ in range(num_rows))


def _read_own_part(bits: BitReader, kind: int, sps: Sequence, pps: PictureSet) -> tuple[int, RefSet]:
    """All that a slice does not take over from the one before; its picture's order and references."""
    bits.read(pps.num_extra_bits)
    slice_type = bits.unsigned()
    bits.read(pps.has_output_flag)
    bits.read(2 * sps.separate_planes)
    order, num_pictures, has_motion = 0, 0, False
    references: RefSet = ()
    if kind not in IDR:
        order, references = _read_references(bits, sps)
        num_pictures = sum(is_used for _, is_used in references)
        num_pictures += _skip_long_term(bits, sps) if sps.has_long_term else 0
        has_motion = sps.has_temporal_mvp and bool(bits.read(1))
    has_sao = False
    if sps.has_sao:
        has_sao = bool(bits.read(1))
        has_sao = bool(sps.has_chroma and bits.read(1)) or has_sao
    if slice_type in (B, P):
        _skip_prediction(bits, sps, pps, num_pictures, is_both_ways=slice_type == B, has_motion=has_motion)
    bits.signed()
    if pps.has_chroma_qp:
        bits.signed()
        bits.signed()
    is_off = pps.deblocking_is_off
    if pps.overrides_deblocking and bits.read(1):
        is_off = bool(bits.read(1))
        if not is_off:
            bits.signed()
            bits.signed()
    if pps.filters_across_slices and (has_sao or not is_off):
        bits.read(1)
    return order, references


def _read_references(bits: BitReader, sps: Sequence) -> tuple[int, RefSet]:
    """A picture's order and the pictures that it may be predicted from."""
    order = bits.read(sps.order_bits)
    if not bits.read(1):
        return order, read_ref_set(bits, sps.ref_sets, is_in_slice=True)
    number = bits.read((len(sps.ref_sets) - 1).bit_length()) if sps.ref_sets else 0
    if number >= len(sps.ref_sets):
        raise BitsExhaustedError
    return order, sps.ref_sets[number]


def _skip_long_term(bits: BitReader, sps: Sequence) -> int:
    num_known = bits.unsigned() if sps.num_long_term else 0
    num_told = bits.unsigned()
    if num_known + num_told > MAX_LISTED:
        raise BitsExhaustedError
    count = 0
    for number in range(num_known + num_told):
        if number < num_known:
            bits.read((sps.num_long_term - 1).bit_length())
            count += 1
        else:
            bits.read(sps.order_bits)
            count += bits.read(1)
        if bits.read(1):
            bits.unsigned()
    return count


def _skip_prediction(
    bits: BitReader,
    sps: Sequence,
    pps: PictureSet,
    num_pictures: int,
    *,
    is_both_ways: bool,
    has_motion: bool,
) -> None:
    counts = list(pps.num_references)
    if bits.read(1):
        counts[0] = bits.unsigned() + 1
        if is_both_ways:
            counts[1] = bits.unsigned() + 1
    if max(counts) > MAX_LISTED:
        raise BitsExhaustedError
    counts = counts[: 1 + is_both_ways]
    if pps.modifies_lists and num_pictures > 1:
        for count in counts:
            if bits.read(1):
                bits.read(count * (num_pictures - 1).bit_length())
    bits.read(is_both_ways)
    bits.read(pps.has_cabac_init)
    if has_motion:
        is_first_list = bool(bits.read(1)) if is_both_ways else True
        if counts[0 if is_first_list else 1] > 1:
            bits.unsigned()
    if pps.is_weighted_both_ways if is_both_ways else pps.is_weighted:
        _skip_weights(bits, sps, counts)
    bits.unsigned()


def _skip_weights(bits: BitReader, sps: Sequence, counts: list[int]) -> None:
    bits.unsigned()
    if sps.has_chroma:
        bits.signed()
    for count in counts:
        luma = [bits.read(1) for _ in range(count)]
        chroma = [bits.read(1) if sps.has_chroma else 0 for _ in range(count)]
        for number in range(count):
            for _ in range(2 * luma[number] + 4 * chroma[number]):
                bits.signed()
