"""What goes over ZeroMQ, as bytes: one self-contained message per tracked frame, one per event. Pure.

    topic  NUL  version  header_length  header          payload
    ascii  00   u8 = 1   u32 little     msgpack map     the masks' bytes, one after the other

The topic is `masks/<stream>` or `events/<stream>`. The NUL ends it, so that a subscription to `cam1` does not
match `cam10`. It is one ZeroMQ frame, because CONFLATE keeps parts, not messages. docs/wire-format.md says
the same to readers without this package. Decoding trusts nothing: it returns a message or raises
PublishError.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from streamtrack.errors import PublishError
from streamtrack.frame import Event, FrameResult, ObjectMask
from streamtrack.object_record import DEFAULTS, RECORD_FIELDS, ObjectId, record_of
from streamtrack.publish.mask_codec import MaskEncoding, check_frame_size, encode_mask
from streamtrack.publish.message import EventMessage, MaskMessage, ReceivedMask

WIRE_VERSION = 1
MASKS_PREFIX = b"masks/"
EVENTS_PREFIX = b"events/"
MAX_TOPIC_BYTES = 128
"""Prefix and stream name; a stream name has at most 64 characters."""
MAX_HEADER_BYTES = 1 << 20
"""A header of 256 objects takes about 60 kB."""
MAX_OBJECTS = 4096

_PREAMBLE = struct.Struct("<BI")
_UInt = Annotated[int, Meta(ge=0)]
_Side = Annotated[int, Meta(ge=1)]


class _Placed(msgspec.Struct, frozen=True):
    """Where an object's mask lies in the payload."""

    encoding: Literal["coco_rle", "bits_zstd"]
    offset: _UInt
    """Of the mask's first byte in the payload."""
    length: _UInt
    """Bytes of the mask in the payload."""


_WIRE_NAMES = {"object_id": "id", "area_px": "area"}
"""Fields whose names on the wire are older than the record."""

if TYPE_CHECKING:
    ObjectHeader = Any
else:
    ObjectHeader = msgspec.defstruct(
        "ObjectHeader",
        [(name, kind, *DEFAULTS.get(name, ())) for name, kind in RECORD_FIELDS.items()],
        bases=(_Placed,),
        frozen=True,
        rename=_WIRE_NAMES,
    )
    """One object in the header of a masks message: the fields of an `ObjectRecord`, and where its mask is."""


class MasksHeader(msgspec.Struct, frozen=True):
    """The header of a masks message."""

    stream: str
    epoch: _UInt
    """Names one run of the publisher: wall clock milliseconds at its start."""
    seq: _UInt
    """Counts the masks messages of this stream and epoch from 0; a gap is messages that were not received."""
    frame_idx: _UInt
    """Counts tracked frames from 0."""
    pts: int | None
    """The source's presentation time in ticks of `time_base`."""
    time_base: tuple[int, _Side]
    """Numerator and denominator of seconds per tick."""
    capture_ns: int
    """Wall clock (Unix epoch, UTC) when the decoder handed the frame over."""
    capture_monotonic_ns: int
    """The same moment on the publisher's monotonic clock, as the next three."""
    track_start_monotonic_ns: int
    track_end_monotonic_ns: int
    publish_monotonic_ns: int
    frame_size: tuple[_Side, _Side]
    """H, W in pixels."""
    model: str
    objects: Annotated[list[ObjectHeader], Meta(max_length=MAX_OBJECTS)]


class EventHeader(msgspec.Struct, frozen=True):
    """The header of an events message; it has no payload."""

    stream: str
    epoch: _UInt
    seq: _UInt
    """Counts the events of this stream and epoch from 0."""
    kind: str
    """added, corrected, removed, labeled, lost, found, occluded, uncertain, tracking, gap, paused, ..."""
    frame_idx: Annotated[int, Meta(ge=-1)]
    """The tracked frame it belongs to; -1 before the first."""
    object_id: ObjectId | None
    """nil for the stream itself."""
    detail: dict[str, Any]
    publish_ns: int
    """Wall clock (Unix epoch, UTC) when it was sent."""
    publish_monotonic_ns: int
    """The same moment on the publisher's monotonic clock."""


class EncodedObjects(msgspec.Struct, frozen=True):
    """The part of a masks message that needs no sequence number, so that it is made before the lock is
    taken."""

    headers: list[ObjectHeader]
    payload: bytes


_HeaderT = TypeVar("_HeaderT", MasksHeader, EventHeader)


def masks_topic(stream: str) -> bytes:
    """What to subscribe to for the masks of one stream."""
    return MASKS_PREFIX + stream.encode() + b"\0"


def events_topic(stream: str) -> bytes:
    """What to subscribe to for the events of one stream."""
    return EVENTS_PREFIX + stream.encode() + b"\0"


def encode_objects(objects: Iterable[ObjectMask], encoding: MaskEncoding) -> EncodedObjects:
    """Every mask as bytes, and where each lies."""
    headers: list[ObjectHeader] = []
    parts: list[bytes] = []
    offset = 0
    for item in objects:
        data = encode_mask(item.crop, item.box, item.frame_size, encoding)
        place = {"encoding": encoding, "offset": offset, "length": len(data)}
        headers.append(ObjectHeader(**record_of(item), **place))
        parts.append(data)
        offset += len(data)
    return EncodedObjects(headers, b"".join(parts))


def encode_result(
    stream: str,
    epoch: int,
    seq: int,
    result: FrameResult,
    model: str,
    encoding: MaskEncoding = "coco_rle",
    *,
    encoded: EncodedObjects | None = None,
    publish_monotonic_ns: int | None = None,
) -> bytes:
    """One masks message.

    Args:
        encoded: the objects, where they were encoded before.
        publish_monotonic_ns: now; None takes `result.times.publish_ns`.
    """
    if encoded is None:
        encoded = encode_objects(result.objects.values(), encoding)
    frame, times = result.frame, result.times
    header = MasksHeader(
        stream=stream,
        epoch=epoch,
        seq=seq,
        frame_idx=result.frame_idx,
        pts=frame.pts,
        time_base=(frame.time_base.numerator, frame.time_base.denominator),
        capture_ns=frame.capture_wall_ns,
        capture_monotonic_ns=frame.capture_monotonic_ns,
        track_start_monotonic_ns=times.track_start_ns,
        track_end_monotonic_ns=times.track_end_ns,
        publish_monotonic_ns=times.publish_ns if publish_monotonic_ns is None else publish_monotonic_ns,
        frame_size=(frame.height_px, frame.width_px),
        model=model,
        objects=encoded.headers,
    )
    return _join(masks_topic(stream), header, encoded.payload)


def encode_event(
    stream: str, epoch: int, seq: int, event: Event, *, publish_ns: int, publish_monotonic_ns: int
) -> bytes:
    """One events message.

    Raises:
        PublishError: `event.detail` holds a value that msgpack cannot carry.
    """
    header = EventHeader(
        stream=stream,
        epoch=epoch,
        seq=seq,
        kind=event.kind.value,
        frame_idx=event.frame_idx,
        object_id=event.object_id,
        detail=dict(event.detail),
        publish_ns=publish_ns,
        publish_monotonic_ns=publish_monotonic_ns,
    )
    try:
        return _join(events_topic(stream), header, b"")
    except (TypeError, ValueError, OverflowError) as error:
        raise PublishError(f"event {event.kind.value}: detail cannot be sent: {error}") from error


def decode_message(data: bytes) -> MaskMessage:
    """A masks message; its masks are decoded when they are asked for.

    Raises:
        PublishError: the bytes are not a masks message of this version.
    """
    header, payload = _split(data, MASKS_PREFIX, MasksHeader)
    check_frame_size(header.frame_size)
    objects: dict[int, ReceivedMask] = {}
    for item in header.objects:
        fields = msgspec.structs.asdict(item)
        start, length = fields.pop("offset"), fields.pop("length")
        data = payload[start : start + length]
        received = ReceivedMask(**fields, frame_size=header.frame_size, data=data)
        if received.object_id in objects:
            raise PublishError(f"masks message: object {received.object_id} is there twice")
        _check_object(received, (start, start + length), len(payload))
        objects[received.object_id] = received
    return MaskMessage(**{**msgspec.structs.asdict(header), "objects": objects})


def decode_event(data: bytes) -> EventMessage:
    """An events message.

    Raises:
        PublishError: the bytes are not an events message of this version.
    """
    header, payload = _split(data, EVENTS_PREFIX, EventHeader)
    if payload:
        raise PublishError(f"events message: {len(payload)} bytes behind the header, expected none")
    return EventMessage(**msgspec.structs.asdict(header))


def _join(topic: bytes, header: MasksHeader | EventHeader, payload: bytes) -> bytes:
    packed = msgspec.msgpack.encode(header)
    return b"".join((topic, _PREAMBLE.pack(WIRE_VERSION, len(packed)), packed, payload))


def _split(data: bytes, prefix: bytes, kind: type[_HeaderT]) -> tuple[_HeaderT, bytes]:
    """The checked header and the payload."""
    what = f"{prefix[:-1].decode()} message"
    topic_end = data.find(b"\0", 0, MAX_TOPIC_BYTES + 1)
    if topic_end < 0 or not data.startswith(prefix):
        raise PublishError(f"{what}: starts with {data[:16]!r}, expected {prefix!r}, a stream and NUL")
    start = topic_end + 1 + _PREAMBLE.size
    if len(data) < start:
        raise PublishError(f"{what}: is {len(data)} bytes, expected at least {start}")
    version, header_bytes = _PREAMBLE.unpack_from(data, topic_end + 1)
    if version != WIRE_VERSION:
        raise PublishError(f"{what}: version is {version}, expected {WIRE_VERSION}")
    if header_bytes > MAX_HEADER_BYTES or start + header_bytes > len(data):
        raise PublishError(f"{what}: header of {header_bytes} bytes in a message of {len(data)} bytes")
    try:
        header = msgspec.msgpack.decode(data[start : start + header_bytes], type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise PublishError(f"{what}: header: {' '.join(str(error).split())[:160]}") from error
    if header.stream.encode("utf-8", "replace") != data[len(prefix) : topic_end]:
        raise PublishError(f"{what}: stream is {header.stream[:64]!r}, expected that of the topic")
    return header, data[start + header_bytes :]


def _check_object(item: ReceivedMask, place: tuple[int, int], payload_bytes: int) -> None:
    """Raise PublishError for what cannot be one object of this frame and payload."""
    where, (height, width) = f"masks message: object {item.object_id}", item.frame_size
    x0, y0, x1, y1 = item.box
    if place[1] > payload_bytes:
        raise PublishError(f"{where}: bytes {place[0]} to {place[1]} of a payload of {payload_bytes}")
    if item.box != (0, 0, 0, 0) and not (x0 < x1 <= width and y0 < y1 <= height):
        raise PublishError(f"{where}: box is {item.box}, expected one inside the frame of {item.frame_size}")
    if item.area_px > (x1 - x0) * (y1 - y0):
        raise PublishError(f"{where}: area is {item.area_px}, expected at most that of the box {item.box}")
    if item.centroid is not None and not all(map(math.isfinite, item.centroid)):
        raise PublishError(f"{where}: centroid is {item.centroid}, expected finite numbers")
