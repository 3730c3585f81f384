"""What HEVC says of its pictures outside the decoder: sequence and picture parameter sets. Pure.

Source: ITU-T H.265, 7.3.2 and 7.3.7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamtrack.ingest.bits import BitReader, BitsExhaustedError, escape, unescape, unsigned_code
from streamtrack.ingest.h264 import split_units

VPS, SPS, PPS = 32, 33, 34
"""Types of units that matter here."""
MAX_SETS = 64
MAX_PICTURES = 16
"""Of one reference set; the standard's own bounds, which damaged data may break."""

RefSet = tuple[tuple[int, bool], ...]
"""Pictures that one is predicted from: how far before or after in order, and whether by this one."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence parameter set, as far as slice headers and the layout of a picture need it."""

    width_px: int
    """As coded, before cropping."""
    height_px: int
    width_bit: int
    """Position of the width, in bits of the payload; the height follows it."""
    log2_block: int
    """Of the largest coding block's side."""
    has_chroma: bool
    separate_planes: bool
    order_bits: int
    """Of a picture's number in order of showing."""
    ref_sets: tuple[RefSet, ...]
    has_long_term: bool
    num_long_term: int
    has_temporal_mvp: bool
    has_sao: bool

    def resized(self, width_px: int, height_px: int) -> Sequence:
        """The same for pictures of another size."""
        return replace(self, width_px=width_px, height_px=height_px)

    @property
    def block_px(self) -> int:
        """Side of the largest coding block."""
        return 1 << self.log2_block

    @property
    def num_blocks(self) -> int:
        """Of a whole picture."""
        return -(-self.width_px // self.block_px) * -(-self.height_px // self.block_px)


@dataclass(frozen=True, slots=True)
class PictureSet:
    """A picture parameter set, as far as slice headers need it."""

    number: int
    has_dependent_slices: bool
    has_output_flag: bool
    num_extra_bits: int
    has_cabac_init: bool
    num_references: tuple[int, int]
    has_chroma_qp: bool
    is_weighted: bool
    is_weighted_both_ways: bool
    tiles_bit: int
    """Position of the flag that tells of tiles, in bits of the payload; that of rows follows it."""
    has_tiles: bool
    has_rows: bool
    """True where each row of blocks is coded apart (wavefronts)."""
    filters_across_slices: bool
    overrides_deblocking: bool
    deblocking_is_off: bool
    modifies_lists: bool
    has_extension: bool


def read_extradata(extradata: bytes | None) -> tuple[list[bytes], int | None]:
    """The parameter sets that a container holds, and the bytes of a unit's length in its packets.

    The length is None where packets have start codes.
    """
    if not extradata or extradata[0] != 1 or len(extradata) < 23:
        return split_units(extradata or b"", None), None
    units, at = [], 23
    for _ in range(extradata[22]):
        count, at = int.from_bytes(extradata[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2], "big")
            units.append(extradata[at + 2 : at + 2 + size])
            at += 2 + size
            if at >= len(extradata):
                break
    return [unit for unit in units if unit], (extradata[21] & 3) + 1


def unit_type(unit: bytes) -> int:
    """The type of a unit; 64, which is none, for an empty one."""
    return unit[0] >> 1 & 63 if len(unit) > 2 else 64


def read_sps(unit: bytes) -> Sequence | None:
    """A sequence parameter set; None where it is damaged."""
    bits = BitReader(unescape(unit[2:]))
    try:
        return _sequence(bits)
    except BitsExhaustedError:
        return None


def read_pps(unit: bytes) -> PictureSet | None:
    """A picture parameter set; None where it is damaged."""
    bits = BitReader(unescape(unit[2:]))
    try:
        return _picture_set(bits)
    except BitsExhaustedError:
        return None


def resized_sps(unit: bytes, sps: Sequence, width_px: int, height_px: int) -> bytes:
    """The parameter set of pictures of another size."""
    reader = BitReader(unescape(unit[2:]))
    head = _read_ahead(reader, sps.width_bit)
    reader.unsigned()
    reader.unsigned()
    return unit[:2] + to_payload(head + unsigned_code(width_px) + unsigned_code(height_px) + reader.tail())


def tiled_pps(unit: bytes, pps: PictureSet, first_column_blocks: int) -> bytes:
    """The parameter set of pictures in two tiles side by side, the first of so many blocks."""
    reader = BitReader(unescape(unit[2:]))
    head = _read_ahead(reader, pps.tiles_bit)
    reader.read(2)
    # Tiles and no rows; two columns, one row, of which the first is so wide, not filtered across.
    tiles = unsigned_code(1) + unsigned_code(0) + "0" + unsigned_code(first_column_blocks - 1) + "0"
    return unit[:2] + to_payload(head + "10" + tiles + reader.tail())


def to_payload(bits: str) -> bytes:
    """Ones and zeros up to a stop bit, as an escaped payload."""
    bits = bits.rstrip("0")
    bits += "0" * (-len(bits) % 8)
    return escape(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def read_ref_set(bits: BitReader, known: tuple[RefSet, ...], *, is_in_slice: bool) -> RefSet:
    """The next reference set (7.3.7).

    Args:
        known: those before it.
        is_in_slice: it stands in a slice's header rather than in the parameter set.
    """
    if known and bits.read(1):
        return _predicted_set(bits, known, is_in_slice=is_in_slice)
    num_before, num_after = bits.unsigned(), bits.unsigned()
    if num_before > MAX_PICTURES or num_after > MAX_PICTURES:
        raise BitsExhaustedError
    pictures: list[tuple[int, bool]] = []
    for count, way in ((num_before, -1), (num_after, 1)):
        at = 0
        for _ in range(count):
            at += way * (bits.unsigned() + 1)
            pictures.append((at, bool(bits.read(1))))
    return tuple(pictures)


def _predicted_set(bits: BitReader, known: tuple[RefSet, ...], *, is_in_slice: bool) -> RefSet:
    """A set that is told by its difference from another (7.4.8)."""
    back = bits.unsigned() + 1 if is_in_slice else 1
    if back > len(known):
        raise BitsExhaustedError
    sign = bits.read(1)
    moved = (1 - 2 * sign) * (bits.unsigned() + 1)
    found = []
    for at in (*(at for at, _ in known[-back]), 0):
        is_used = bool(bits.read(1))
        if is_used or bits.read(1):
            found.append((at + moved, is_used))
    before = sorted((one for one in found if one[0] < 0), reverse=True)
    return (*before, *sorted(one for one in found if one[0] > 0))


def _read_ahead(reader: BitReader, num_bits: int) -> str:
    return f"{reader.read(num_bits):0{num_bits}b}"


def _sequence(bits: BitReader) -> Sequence:
    bits.read(4)
    num_layers = bits.read(3) + 1
    bits.read(1)
    _skip_profile(bits, num_layers)
    bits.unsigned()
    chroma = bits.unsigned()
    separate_planes = bool(bits.read(1)) if chroma == 3 else False
    width_bit = bits.position
    width_px, height_px = bits.unsigned(), bits.unsigned()
    if bits.read(1):
        for _ in range(4):
            bits.unsigned()
    bits.unsigned()
    bits.unsigned()
    order_bits = bits.unsigned() + 4
    for _ in range(num_layers if bits.read(1) else 1):
        for _ in range(3):
            bits.unsigned()
    log2_block = bits.unsigned() + 3
    log2_block += bits.unsigned()
    for _ in range(4):
        bits.unsigned()
    if bits.read(1) and bits.read(1):
        _skip_scaling_lists(bits, chroma)
    bits.read(1)
    has_sao = bool(bits.read(1))
    if bits.read(1):  # samples without prediction
        bits.read(8)
        bits.unsigned()
        bits.unsigned()
        bits.read(1)
    ref_sets: tuple[RefSet, ...] = ()
    num_sets = bits.unsigned()
    if num_sets > MAX_SETS:
        raise BitsExhaustedError
    for _ in range(num_sets):
        ref_sets += (read_ref_set(bits, ref_sets, is_in_slice=False),)
    has_long_term, num_long_term = bool(bits.read(1)), 0
    if has_long_term:
        num_long_term = bits.unsigned()
        for _ in range(min(num_long_term, 32)):
            bits.read(order_bits + 1)
    has_temporal_mvp = bool(bits.read(1))
    return Sequence(
        width_px,
        height_px,
        width_bit,
        log2_block,
        chroma != 0 and not separate_planes,
        separate_planes,
        order_bits,
        ref_sets,
        has_long_term,
        num_long_term,
        has_temporal_mvp,
        has_sao,
    )


def _skip_profile(bits: BitReader, num_layers: int) -> None:
    bits.read(88)
    bits.read(8)
    if num_layers == 1:
        return
    told = [(bits.read(1), bits.read(1)) for _ in range(num_layers - 1)]
    bits.read(2 * (9 - num_layers))
    for has_profile, has_level in told:
        bits.read(88 * has_profile + 8 * has_level)


def _skip_scaling_lists(bits: BitReader, chroma: int) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.read(1):
                bits.unsigned()
                continue
            if size > 1:
                bits.signed()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.signed()


def _picture_set(bits: BitReader) -> PictureSet:
    number = bits.unsigned()
    bits.unsigned()
    has_dependent_slices, has_output_flag = bool(bits.read(1)), bool(bits.read(1))
    num_extra_bits = bits.read(3)
    bits.read(1)
    has_cabac_init = bool(bits.read(1))
    num_references = bits.unsigned() + 1, bits.unsigned() + 1
    bits.signed()
    bits.read(2)
    if bits.read(1):
        bits.unsigned()
    bits.signed()
    bits.signed()
    has_chroma_qp, is_weighted, is_weighted_both_ways = (bool(bits.read(1)) for _ in range(3))
    bits.read(1)
    tiles_bit = bits.position
    has_tiles, has_rows = bool(bits.read(1)), bool(bits.read(1))
    if has_tiles:
        _skip_tiles(bits)
    filters_across_slices = bool(bits.read(1))
    overrides_deblocking = deblocking_is_off = False
    if bits.read(1):
        overrides_deblocking, deblocking_is_off = bool(bits.read(1)), bool(bits.read(1))
        if not deblocking_is_off:
            bits.signed()
            bits.signed()
    if bits.read(1):
        _skip_scaling_lists(bits, 1)
    modifies_lists = bool(bits.read(1))
    bits.unsigned()
    has_extension = bool(bits.read(1))
    return PictureSet(
        number,
        has_dependent_slices,
        has_output_flag,
        num_extra_bits,
        has_cabac_init,
        num_references,
        has_chroma_qp,
        is_weighted,
        is_weighted_both_ways,
        tiles_bit,
        has_tiles,
        has_rows,
        filters_across_slices,
        overrides_deblocking,
        deblocking_is_off,
        modifies_lists,
        has_extension,
    )


def _skip_tiles(bits: BitReader) -> None:
    columns, rows = bits.unsigned(), bits.unsigned()
    if not bits.read(1):
        for _ in range(min(columns + rows, 64)):
            bits.unsigned()
    bits.read(1)
