from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamtrack.errors import PublishError
from streamtrack.frame import BoolMask, Event, EventKind, ObjectState
from streamtrack.publish.mask_codec import MaskEncoding
from streamtrack.publish.message import EventMessage
from streamtrack.publish.wire import decode_event, decode_message, encode_event, encode_result, masks_topic
from tests.support.masks import HEIGHT_PX, WIDTH_PX, disc, make_result, nothing_but_publish_error

EMPTY: BoolMask = np.zeros((HEIGHT_PX, WIDTH_PX), np.bool_)
ENCODINGS: list[MaskEncoding] = ["coco_rle", "bits_zstd"]


def encode(encoding: MaskEncoding = "coco_rle") -> bytes:
    masks = {4: disc(1), 2: EMPTY, 9: ~EMPTY}
    return encode_result("cam1", 77, 5, make_result(12, masks), "nano", encoding)


def encode_an_event(**detail: Any) -> bytes:
    event = Event(EventKind.LOST, 3, 1, detail)
    return encode_event("cam1", 77, 0, event, publish_ns=5, publish_monotonic_ns=6)


def build(header: Any, payload: bytes = b"", *, topic: bytes = b"masks/cam1\0", version: int = 1) -> bytes:
    """A message by hand, as docs/wire-format.md says."""
    packed = msgspec.msgpack.encode(header)
    return topic + bytes([version]) + len(packed).to_bytes(4, "little") + packed + payload


def header_of(data: bytes) -> dict[str, Any]:
    start = data.index(b"\0") + 1
    length = int.from_bytes(data[start + 1 : start + 5], "little")
    header = msgspec.msgpack.decode(data[start + 5 : start + 5 + length])
    assert isinstance(header, dict)
    return header


def payload_of(data: bytes) -> bytes:
    start = data.index(b"\0") + 1
    return data[start + 5 + int.from_bytes(data[start + 1 : start + 5], "little") :]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_message_carries_masks_and_stamps(encoding: MaskEncoding) -> None:
    result = make_result(12, {4: disc(1), 2: EMPTY, 9: ~EMPTY})
    data = encode_result("cam1", 77, 5, result, "nano", encoding, publish_monotonic_ns=1234)
    message = decode_message(data)
    assert (message.stream, message.epoch, message.seq, message.frame_idx) == ("cam1", 77, 5, 12)
    assert (message.pts, message.time_base, message.model) == (3000, (1, 90_000), "nano")
    assert message.capture_ns == result.frame.capture_wall_ns
    assert message.capture_monotonic_ns == result.frame.capture_monotonic_ns
    assert (message.track_start_monotonic_ns, message.track_end_monotonic_ns) == (2, 3)
    assert message.publish_monotonic_ns == 1234
    assert message.frame_size == (HEIGHT_PX, WIDTH_PX)
    assert list(message.objects) == [4, 2, 9]
    for object_id, sent in result.objects.items():
        received = message.objects[object_id]
        np.testing.assert_array_equal(received.mask, sent.mask)
        assert received.mask.dtype == np.bool_
        assert (received.box, received.area_px, received.centroid) == (sent.box, sent.area_px, sent.centroid)
        assert (received.label, received.encoding) == (sent.label, encoding)
        assert (received.object_score, received.iou_score) == (sent.object_score, sent.iou_score)
        assert received.state == ObjectState.TRACKING


def test_layout_is_topic_nul_version_length_header_payload() -> None:
    data = encode()
    assert data.startswith(b"masks/cam1\0\x01")
    header = header_of(data)
    assert header["frame_size"] == [HEIGHT_PX, WIDTH_PX]
    lengths = [item["length"] for item in header["objects"]]
    assert [item["offset"] for item in header["objects"]] == [0, lengths[0], lengths[0] + lengths[1]]
    assert len(payload_of(data)) == sum(lengths)


def test_frame_without_objects_and_pts_is_a_message() -> None:
    message = decode_message(encode_result("cam1", 1, 0, make_result(0, {}, pts=None), "nano"))
    assert message.objects == {}
    assert message.pts is None


def test_event_carries_its_detail() -> None:
    message = decode_event(encode_an_event(reason="left", after_ms=2000))
    assert message == EventMessage(
        "cam1",
        77,
        0,
        "lost",
        3,
        1,
        {"reason": "left", "after_ms": 2000},
        publish_ns=5,
        publish_monotonic_ns=6,
    )
    assert message.kind == EventKind.LOST


def test_event_with_a_value_that_msgpack_lacks_raises_publish_error() -> None:
    with pytest.raises(PublishError, match="event lost: detail cannot be sent"):
        encode_an_event(value=object())


def test_score_that_left_its_range_by_rounding_is_sent_inside_it() -> None:
    result = make_result()
    item = result.objects[1]
    odd = replace(item, object_score=1.0000001, iou_score=float("nan"))
    (received,) = decode_message(
        encode_result("cam1", 1, 0, type(result)(0, result.frame, {1: odd}, result.times), "nano")
    ).objects.values()
    assert (received.object_score, received.iou_score) == (1.0, 0.0)


def test_unknown_header_key_is_passed_over() -> None:
    data = encode()
    message = decode_message(build({**header_of(data), "new_in_1_1": [1, 2]}, payload_of(data)))
    np.testing.assert_array_equal(message.objects[4].mask, disc(1))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_truncation_raises_publish_error(encoding: MaskEncoding) -> None:
    data = encode(encoding)
    for length in range(len(data)):
        with pytest.raises(PublishError) as caught:
            decode_message(data[:length])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_size": [1 << 30, 1 << 30]}, "frame_size is"),
        ({"frame_size": [0, 5]}, "Expected `int` >= 1"),
        ({"stream": "cam2"}, "stream is 'cam2', expected that of the topic"),
        ({"seq": -1}, "Expected `int` >= 0"),
        ({"time_base": [1, 0]}, "Expected `int` >= 1"),
        ({"objects": None}, "Expected `array`, got `None`"),
        ({"objects": {"box": [0, 0, WIDTH_PX + 1, 5]}}, "expected one inside the frame"),
        ({"objects": {"box": [5, 5, 5, 9]}}, "expected one inside the frame"),
        ({"objects": {"offset": 1 << 40}}, "of a payload of"),
        ({"objects": {"length": 1 << 40}}, "of a payload of"),
        ({"objects": {"area": 1 << 40}}, "expected at most that of the box"),
        ({"objects": {"object_score": float("nan")}}, "Expected `float` >= 0.0"),
        ({"objects": {"iou_score": float("inf")}}, "Expected `float` <= 1.0"),
        ({"objects": {"centroid": [float("nan"), 0.0]}}, "expected finite numbers"),
        ({"objects": {"encoding": "png"}}, "Invalid enum value 'png'"),
        ({"objects": {"id": -1}}, "Expected `int` >= 0"),
        ({"objects": {"id": 9}}, "object 9 is there twice"),
    ],
)
def test_header_that_lies_raises_publish_error(change: dict[str, Any], message: str) -> None:
    data = encode()
    header = header_of(data)
    if isinstance(change.get("objects"), dict):
        header["objects"][0].update(change["objects"])
    else:
        header.update(change)
    with pytest.raises(PublishError) as caught:
        decode_message(build(header, payload_of(data)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"masks message: starts with b'', expected b'masks/', a stream and NUL"),
        (b"masks/" + b"x" * 500 + b"\0", "starts with"),
        (encode_an_event(), "starts with b'events/cam1"),
        (b"masks/cam1\0\x01", "masks message: is 12 bytes, expected at least 16"),
        (build({}, version=2), "masks message: version is 2, expected 1"),
        (b"masks/cam1\0\x01\xff\xff\xff\xff", "header of 4294967295 bytes in a message of 16 bytes"),
        (build([1, 2]), "Expected `object`, got `array`"),
        (build({}), "Object missing required field `stream`"),
    ],
)
def test_what_is_no_masks_message_is_told(data: bytes, message: str) -> None:
    with pytest.raises(PublishError) as caught:
        decode_message(data)
    assert message in str(caught.value)


def test_event_with_a_payload_raises_publish_error() -> None:
    with pytest.raises(PublishError, match="1 bytes behind the header, expected none"):
        decode_event(encode_an_event() + b"x")


def test_deep_nesting_raises_publish_error() -> None:
    nested = b"\x91" * 100_000
    data = b"events/cam1\0\x01" + len(nested).to_bytes(4, "little") + nested
    with pytest.raises(PublishError):
        decode_event(data)


def decode_all(data: bytes) -> None:
    """Decode whatever these bytes are; only PublishError may come out."""
    with nothing_but_publish_error():
        for item in decode_message(data).objects.values():
            with nothing_but_publish_error():
                assert item.mask.shape == item.frame_size
    with nothing_but_publish_error():
        decode_event(data)


@given(st.sampled_from([b"", b"masks/cam1\0\x01", b"events/cam1\0\x01"]), st.binary(max_size=200))
def test_garbage_raises_nothing_but_publish_error(start: bytes, rest: bytes) -> None:
    decode_all(start + rest)


@given(
    st.sampled_from([encode("coco_rle"), encode("bits_zstd"), encode_an_event(a=1)]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_message_raises_nothing_but_publish_error(
    data: bytes, damage: list[tuple[float, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in damage:
        damaged[int(place * len(data))] = value
    decode_all(bytes(damaged))


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=60)  # drawing nested values is slow
@given(st.data())
def test_header_with_any_values_raises_nothing_but_publish_error(data: st.DataObject) -> None:
    sent = encode()
    header = header_of(sent)
    target = data.draw(st.sampled_from([header, header["objects"][0]]))
    for key in data.draw(st.lists(st.sampled_from(sorted(target)), min_size=1, max_size=3)):
        target[key] = data.draw(_values)
    decode_all(build(header, payload_of(sent)))


def test_small_message_never_takes_much_memory_to_decode() -> None:
    header = header_of(encode())
    header["frame_size"] = [8192, 8192]
    messages = [
        build(header, payload_of(encode())),
        b"masks/cam1\0\x01\xff\xff\x0f\x00" + b"\xdd\xff\xff\xff\xff" * 50,
    ]
    tracemalloc.start()
    try:
        for data in messages:
            with nothing_but_publish_error():
                decode_message(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_topic_of_one_stream_is_no_prefix_of_another() -> None:
    assert not masks_topic("cam10").startswith(masks_topic("cam1"))
