"""Bits of a coded header: Exp-Golomb numbers, and the emulation prevention around them. Pure."""

from __future__ import annotations

import re

_ESCAPED = re.compile(rb"\x00\x00\x03(?=[\x00-\x03]|$)", re.DOTALL)
_TO_ESCAPE = re.compile(rb"\x00\x00(?=[\x00-\x03])", re.DOTALL)
MAX_LEADING_ZEROS = 32
"""An Exp-Golomb number of 32 bits has no more; damaged data may."""


class BitsExhaustedError(Exception):
    """The data ended inside a number, or no number is that long."""


def unescape(data: bytes) -> bytes:
    """A unit's payload without its emulation prevention bytes (H.264 7.3.1, HEVC 7.3.1.1)."""
    return _ESCAPED.sub(b"\x00\x00", data)


def escape(data: bytes) -> bytes:
    """A payload with emulation prevention bytes, so that no start code is inside it."""
    escaped = _TO_ESCAPE.sub(b"\x00\x00\x03", data)
    return escaped + b"\x03" if escaped.endswith(b"\x00\x00") else escaped


class BitReader:
    """Reads numbers from the first bit on."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._num_bits = 8 * len(data)
        self.position = 0
        """Bits read so far."""

    def read(self, num_bits: int) -> int:
        """An unsigned number of so many bits.

        Raises:
            BitsExhaustedError: there are not that many.
        """
        self.position += num_bits
        if self.position > self._num_bits:
            raise BitsExhaustedError
        return self._value >> (self._num_bits - self.position) & ((1 << num_bits) - 1)

    def unsigned(self) -> int:
        """An Exp-Golomb number, ue(v)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > MAX_LEADING_ZEROS:
                raise BitsExhaustedError
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """A signed Exp-Golomb number, se(v)."""
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -(number // 2)

    def tail(self) -> str:
        """What was not read yet, as ones and zeros."""
        left = self._num_bits - self.position
        return f"{self._value & ((1 << left) - 1):0{left}b}" if left else ""


def unsigned_code(number: int) -> str:
    """An Exp-Golomb number as ones and zeros."""
    binary = f"{number + 1:b}"
    return "0" * (len(binary) - 1) + binary
