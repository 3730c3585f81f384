"""What a subscriber gets: messages as values, with masks that are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamtrack.clock import NS_PER_MS
from streamtrack.errors import PublishError
from streamtrack.frame import BoolMask
from streamtrack.object_record import ObjectRecord
from streamtrack.publish.mask_codec import MaskEncoding, decode_bits, decode_rle_crop


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedMask(ObjectRecord):
    """One object on one frame, as it came over the wire. `state` compares equal to an `ObjectState`."""

    frame_size: tuple[int, int]
    """H, W of the frame in pixels."""
    encoding: MaskEncoding
    """How `data` holds the mask."""
    data: bytes
    """The mask's bytes."""

    @property
    def crop(self) -> BoolMask:
        """The mask inside `box`, (y1 - y0, x1 - x0) bool; decoded at each call.

        Raises:
            PublishError: the bytes are not that mask.
        """
        if self.encoding == "coco_rle":
            crop = decode_rle_crop(self.data, self.box, self.frame_size)
        else:
            crop = decode_bits(self.data, self.box)
        area_px = int(np.count_nonzero(crop))
        if area_px != self.area_px:
            raise PublishError(f"object {self.object_id}: mask has {area_px} pixels, expected {self.area_px}")
        return crop

    @property
    def mask(self) -> BoolMask:
        """The whole mask, (H, W) bool; decoded at each call.

        Raises:
            PublishError: the bytes are not that mask.
        """
        crop = self.crop
        full = np.zeros(self.frame_size, dtype=np.bool_)
        x0, y0, x1, y1 = self.box
        full[y0:y1, x0:x1] = crop
        return full


@dataclass(frozen=True, slots=True, eq=False)
class MaskMessage:
    """Every object on one tracked frame, as it came over the wire."""

    stream: str
    epoch: int
    """Names one run of the publisher; another value is a restart."""
    seq: int
    """Counts the masks messages of this stream and epoch; a gap is messages that were not received."""
    frame_idx: int
    """Counts tracked frames from 0."""
    pts: int | None
    """The source's presentation time in ticks of `time_base`."""
    time_base: tuple[int, int]
    """Numerator and denominator of seconds per tick."""
    capture_ns: int
    """Wall clock (Unix epoch, UTC) when the decoder handed the frame over."""
    capture_monotonic_ns: int
    """The same moment on the publisher's monotonic clock, which is this machine's if both run on it."""
    track_start_monotonic_ns: int
    """`step` began."""
    track_end_monotonic_ns: int
    """`step` returned."""
    publish_monotonic_ns: int
    """The message was given to the socket."""
    frame_size: tuple[int, int]
    """H, W in pixels."""
    model: str
    objects: Mapping[int, ReceivedMask]
    """By object id, in the order in which they were added."""

    @property
    def capture_to_publish_ms(self) -> float:
        """How old the frame was when its masks were sent."""
        return (self.publish_monotonic_ns - self.capture_monotonic_ns) / NS_PER_MS

    @property
    def publish_ns(self) -> int:
        """Wall clock (Unix epoch, UTC) when the message was sent."""
        return self.capture_ns + self.publish_monotonic_ns - self.capture_monotonic_ns


@dataclass(frozen=True, slots=True)
class EventMessage:
    """Something that happened to an object or a stream, as it came over the wire."""

    stream: str
    epoch: int
    """Names one run of the publisher; another value is a restart."""
    seq: int
    """Counts the events of this stream and epoch."""
    kind: str
    """added, removed, lost, found, gap, ...; compares equal to `streamtrack.frame.EventKind`."""
    frame_idx: int
    """The tracked frame it belongs to; -1 before the first."""
    object_id: int | None
    """The object it happened to; None for the stream."""
    detail: Mapping[str, Any]
    publish_ns: int
    """Wall clock (Unix epoch, UTC) when it was sent."""
    publish_monotonic_ns: int
    """The same moment on the publisher's monotonic clock."""
