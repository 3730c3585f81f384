"""Damaged copies of inputs that are sound: bits, bytes, lengths, numbers, and parts put elsewhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

INTERESTING = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\xff\xff\xff\x7f"),
    *(b"-1", b"0", b"1e999", b"NaN", b"Infinity", b"-0.0", b"9" * 40, b"18446744073709551616", b"2147483648"),
    *(
        b"\xc2\xb2",
        b"\xb2",
        b"\xd9\xa3",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"%s%n",
        b"../",
        b"\r\n",
        b"\n\n",
    ),
    *(
        b"'",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"=",
        b"&",
        b";",
        b"*a",
        b"<<",
        b"!!python/name:os",
        b"\\u0000",
    ),
)
"""Ends of ranges, digits that are no ASCII, halves of surrogates, and what opens or ends something."""

HUGE_INTEGERS = (2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -(2**31) - 1, -(2**63), -(2**63) - 1)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan"), *HUGE_INTEGERS),
    *(
        "",
        " ",
        "\0",
        "a" * 300,
        "\u00b2",
        "\u0663",
        "\ud800",
        "\U0001f600",
        "../../etc/passwd",
        "%00",
        "null",
        "***",
    ),
    *([], {}, [[]], [None], {"": None}, [0, 0, 0, 0], [1e9, 1e9], {"kind": "zone"}, ["a"] * 40),
)


def damaged(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The data with one to four things done to it."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_CHANGES)(changed, rng, others)
    return bytes(changed)


def _flip(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _cut(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _drop(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 2, 4, 16, 64))]


def _insert(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    data[start:start] = rng.choice((*INTERESTING, rng.randbytes(rng.choice((1, 4, 32)))))


def _replace(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    start, new = rng.randrange(len(data) + 1), rng.choice(INTERESTING)
    data[start : start + len(new)] = new


def _repeat(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    part = data[start : start + rng.choice((1, 8, 64, 512))]
    data[start:start] = part * rng.choice((1, 2, 16))


def _splice(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    other = rng.choice(others) if others else bytes(data)
    start, begin = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    data[start:] = other[begin:]


_CHANGES: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    *(_flip, _flip, _set, _cut, _drop, _insert, _replace, _repeat, _splice),
)


def changed_value(value: Any, rng: random.Random) -> Any:
    """A plain value (of JSON, YAML, msgpack) with one thing in it changed: a value, a key, a place."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        pick = rng.random()
        if pick < 0.12:
            return {name: item for name, item in value.items() if name != key}
        if pick < 0.24:
            return {**value, rng.choice(("x", "", "__class__", "op", "kind", "\u00b2", "a" * 80)): value[key]}
        return {**value, key: changed_value(value[key], rng)}
    if isinstance(value, list | tuple) and value and rng.random() < 0.85:
        items, place = list(value), rng.randrange(len(value))
        pick = rng.random()
        if pick < 0.12:
            del items[place]
        elif pick < 0.24:
            items += items * rng.choice((1, 7))
        else:
            items[place] = changed_value(items[place], rng)
        return items
    if isinstance(value, str) and rng.random() < 0.4:
        return damaged(value.encode("utf-8", "surrogatepass"), rng).decode("utf-8", "replace")
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.3:
        return rng.choice((-value, value + 1, value * 1000, value / 3, str(value), [value]))
    return rng.choice(ODD_VALUES)
