"""Reads polygon messages as docs/wire-format.md describes them; shares nothing with what writes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from streamtrack.frame import BoolMask

STATES = ("tracking", "uncertain", "occluded", "lost", "unseen")


@dataclass
class ToldObject:
    object_id: int
    state: str
    rings: list[list[tuple[int, int]]]
    """x, y in units."""

    def mask(self, told: ToldPolygons) -> BoolMask:
        """(H, W) bool, filled by the even-odd rule."""
        filled = np.zeros((told.height, told.width), np.uint8)
        lines = [np.array(ring, np.int32) * told.unit for ring in self.rings]
        if lines:
            cv2.fillPoly(filled, lines, 1)
        return filled.astype(np.bool_)


@dataclass
class ToldPolygons:
    version: int
    rtp_timestamp: int
    frame_idx: int
    width: int
    height: int
    unit: int
    objects: list[ToldObject]


def read_polygons(message: bytes) -> ToldPolygons:
    rest = iter(message[14:])
    objects = [read_object(rest) for _ in range(number(rest))]
    assert next(rest, None) is None, "bytes are left over"
    version, rtp_timestamp, frame_idx, width, height, unit = struct.unpack_from("<BIIHHB", message)
    return ToldPolygons(version, rtp_timestamp, frame_idx, width, height, unit, objects)


def read_object(rest: Iterator[int]) -> ToldObject:
    object_id, state, rings = number(rest), STATES[next(rest)], []
    x = y = 0
    for _ in range(number(rest)):
        ring = []
        for _ in range(number(rest)):
            x, y = x + step(rest), y + step(rest)
            ring.append((x, y))
        rings.append(ring)
    return ToldObject(object_id, state, rings)


def number(rest: Iterator[int]) -> int:
    value = shift = 0
    for byte in rest:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value
    raise AssertionError("the message ends in a number")


def step(rest: Iterator[int]) -> int:
    value = number(rest)
    return -(value + 1 >> 1) if value & 1 else value >> 1
