"""Masks as polygons in a few bytes, for viewers that draw them over the clean picture by themselves.

Pure. docs/wire-format.md describes the bytes; http/web/shapes.js reads them.
"""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import FrameResult, ObjectMask, ObjectState

VERSION = 1
HEAD = struct.Struct("<BIIHHB")
"""Version, RTP timestamp, frame_idx, width and height of the frame, pixels a unit."""
STATES = (
    ObjectState.TRACKING,
    ObjectState.UNCERTAIN,
    ObjectState.OCCLUDED,
    ObjectState.LOST,
    ObjectState.UNSEEN,
)
"""A state is sent as its place here."""
MAX_MESSAGE_BYTES = 1_150
"""Fits one datagram: a message arrives as a whole or not at all, and none waits for another."""
MAX_BYTES_A_SECOND = 34_000
"""Of messages to one viewer, at the stream's highest rate."""
UNITS_ACROSS = 1_280
"""Finer than this nobody sees; at least one pixel a unit."""
FIRST_TOLERANCE, NEXT_TOLERANCE, MAX_TRIES = 0.4, 1.35, 13
"""Units that a line may leave the mask's edge; raised by the factor until the message is short enough."""
SMALL_RING_SHARE = 0.02
"""Parts of a mask, and holes in it, that have less than this share of its largest part are left out."""
KEPT_PICTURES = 64
"""Pictures whose polygons are kept for viewers that are still to be sent them: two seconds at 30 fps."""

Ring = NDArray[np.int32]
"""(n, 2) x, y in units."""


class PolygonLog:
    """Polygons of the newest pictures by pts. One thread notes, any thread reads and says whether it does."""

    def __init__(self, max_fps: float) -> None:
        self._max_bytes = message_bytes(max_fps)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._newest: tuple[int, FrameResult] | None = None
        self._readers = 0

    @property
    def wanted(self) -> bool:
        """Whether anybody reads."""
        return self._readers > 0

    def join(self) -> None:
        """One more reads."""
        with self._lock:
            if self._readers == 0:
                self._kept.clear()
            self._readers += 1

    def leave(self) -> None:
        """One reader less."""
        with self._lock:
            self._readers -= 1

    def note(self, pts: int, result: FrameResult) -> None:
        """A picture is shown. Its polygons are made where somebody reads."""
        self._newest = (pts, result)
        if self.wanted:
            self._make(pts, result)

    def at(self, pts: int) -> bytes | None:
        """A picture's message without its RTP timestamp; None where there is none, or not any more."""
        with self._lock:
            made = self._kept.get(pts)
        newest = self._newest
        if made is None and newest is not None and newest[0] == pts:
            return self._make(*newest)  # who came after it was shown
        return made

    def _make(self, pts: int, result: FrameResult) -> bytes:
        message = polygon_message(result, self._max_bytes)
        with self._lock:
            self._kept[pts] = message
            if len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
        return message


def message_bytes(max_fps: float) -> int:
    """How long a message may be at a rate of pictures."""
    return min(MAX_MESSAGE_BYTES, int(MAX_BYTES_A_SECOND / max_fps))


def with_timestamp(message: bytes, rtp_timestamp: int) -> bytes:
    """The message for one viewer: each has RTP timestamps of its own."""
    return message[:1] + struct.pack("<I", rtp_timestamp) + message[5:]


def polygon_message(result: FrameResult, max_bytes: int = MAX_MESSAGE_BYTES) -> bytes:
    """Every object of a frame, its mask as polygons; the RTP timestamp is 0.

    Lines are simplified until all of it has at most `max_bytes`. Where boxes alone are longer than that, it
    is boxes.
    """
    frame = result.frame
    unit = max(1, -(-max(frame.width_px, frame.height_px) // UNITS_ACROSS))
    head = HEAD.pack(VERSION, 0, result.frame_idx, frame.width_px, frame.height_px, unit)
    items = list(result.objects.values())
    outlines = [_rings(item, unit) for item in items]
    tolerance = FIRST_TOLERANCE
    for _ in range(MAX_TRIES):
        shapes = [_simple(rings, tolerance) for rings in outlines]
        message = head + _objects(items, shapes)
        if len(message) <= max_bytes:
            return message
        tolerance *= NEXT_TOLERANCE
    return head + _objects(items, [_boxed(rings) for rings in outlines])


def _rings(item: ObjectMask, unit: int) -> list[NDArray[np.float32]]:
    """The mask's edges in units, holes included, the largest first; none of an empty mask."""
    if item.crop.size == 0:
        return []
    # A margin keeps a hole's edge away from the picture's own.
    padded = cv2.copyMakeBorder(item.crop.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    found, _ = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    by_area = sorted(((cv2.contourArea(ring), ring) for ring in found), key=lambda one: -one[0])
    smallest = by_area[0][0] * SMALL_RING_SHARE if by_area else 0.0
    origin = np.array([item.box[0] - 1, item.box[1] - 1], np.float32)
    kept = [ring for area, ring in by_area if area >= smallest]
    return [(ring[:, 0].astype(np.float32) + origin) / unit for ring in kept]


def _simple(rings: Sequence[NDArray[np.float32]], tolerance: float) -> list[Ring]:
    return [
        np.rint(cv2.approxPolyDP(ring[:, None], tolerance, True)[:, 0]).astype(np.int32) for ring in rings
    ]


def _boxed(rings: Sequence[NDArray[np.float32]]) -> list[Ring]:
    if not rings:
        return []
    points = np.concatenate(rings)
    (x0, y0), (x1, y1) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    return [np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.int32)]


def _objects(items: Sequence[ObjectMask], shapes: Sequence[Sequence[Ring]]) -> bytes:
    data = bytearray(_varint(len(items)))
    for item, rings in zip(items, shapes, strict=True):
        data += _varint(item.object_id)
        data.append(STATES.index(item.state))
        data += _varint(len(rings))
        last = np.zeros(2, np.int32)
        for ring in rings:
            data += _varint(len(ring))
            # Each point is told by its way from the one before: near ones take a byte a coordinate.
            data += _steps(np.diff(np.concatenate([last[None], ring]), axis=0))
            last = ring[-1]
    return bytes(data)


def _steps(steps: NDArray[np.int32]) -> bytes:
    folded = np.where(steps < 0, -2 * steps - 1, 2 * steps).reshape(-1)
    if folded.max() <= 0x7F:
        return folded.astype(np.uint8).tobytes()
    return b"".join(map(_varint, folded.tolist()))


def _varint(value: int) -> bytes:
    return bytes(_groups(value))


def _groups(value: int) -> Iterator[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
