from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtrack.control import commands, envelope
from streamtrack.control.envelope import (
    BadRequest,
    decode_reply,
    decode_request,
    encode_answer,
    encode_refusal,
    encode_request,
)
from streamtrack.control.untrusted import MAX_REQUEST_BYTES
from streamtrack.errors import (
    BusyError,
    CapacityError,
    FrameExpiredError,
    PromptError,
    ShapeError,
    StreamOfflineError,
    StreamTrackError,
    UnknownObjectError,
    UnknownStreamError,
)
from tests.support.masks import nothing_but_publish_error

ANSWER = commands.Answer(stream="cam1", op="add", frame_idx=4, object_id=2).model_dump(mode="json")


@pytest.mark.parametrize("request_id", [None, 7, "a", -1])
def test_request_is_read_from_json_and_msgpack_alike(request_id: int | str | None) -> None:
    raw = {"op": "list", "stream": "cam1", "request_id": request_id}
    for data, encoding in ((json.dumps(raw).encode(), "json"), (msgspec.msgpack.encode(raw), "msgpack")):
        request = decode_request(data)
        assert (request.encoding, request.request_id) == (encoding, request_id)
        assert request.command == {"op": "list", "stream": "cam1"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "request is not msgpack: Input data was truncated"),
        (b"{", "request is not json: Input data was truncated"),
        (b"[1]", "request is list, expected a map with the key 'op'"),
        (b"\x05", "request is int, expected a map with the key 'op'"),
        (b'{"request_id": [1]}', "request_id is list, expected a string or an integer"),
        (b'{"request_id": true}', "request_id is bool, expected a string or an integer"),
        (
            json.dumps({"request_id": "x" * 129}).encode(),
            "request_id has 129 characters, expected at most 128",
        ),
        (
            b"x" * (MAX_REQUEST_BYTES + 1),
            f"request is {MAX_REQUEST_BYTES + 1} bytes, expected at most {MAX_REQUEST_BYTES}",
        ),
    ],
)
def test_what_is_no_request_is_told_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_request(data)
    assert str(caught.value) == message


@given(st.sampled_from([b"", b"{", b'{"request_id":', b"\x81\xaarequest_id"]), st.binary(max_size=60))
def test_garbage_raises_nothing_but_bad_request(start: bytes, rest: bytes) -> None:
    try:
        request = decode_request(start + rest)
    except BadRequest as error:
        reply = encode_refusal(error.encoding, error.request_id, "bad_request", error)
    else:
        reply = encode_answer(request.encoding, request.request_id, ANSWER)
    assert reply


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"\x91" * 100_000, b'{"a":' * 100_000, b'{"request_id": "\\ud800"}']
)
def test_deep_nesting_and_half_a_character_raise_bad_request(data: bytes) -> None:
    with pytest.raises(BadRequest):
        decode_request(data)


def test_answer_reaches_the_client_as_it_was() -> None:
    answer = decode_reply(encode_answer("msgpack", 9, ANSWER), 9)
    assert isinstance(answer, envelope.Answer)
    assert msgspec.to_builtins(answer) == {**ANSWER, "objects": (), "candidates": (), "likeness": ()}


def test_answer_to_another_request_is_passed_over() -> None:
    assert decode_reply(encode_answer("msgpack", 8, ANSWER), 9) is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("prompt", PromptError("a")),
        ("unknown_stream", UnknownStreamError("b", ["c"])),
        ("unknown_object", UnknownObjectError("b", 3, [1])),
        ("offline", StreamOfflineError("c")),
        ("shape", ShapeError("c")),
        ("capacity", CapacityError("d")),
        ("busy", BusyError("e")),
        ("internal", StreamTrackError("f")),
        ("a kind of a later version", StreamTrackError("g")),
    ],
)
def test_refusal_becomes_the_same_error_at_the_client(kind: str, error: StreamTrackError) -> None:
    received = decode_reply(encode_refusal("msgpack", 1, kind, error), 1)
    assert type(received) is type(error)
    assert str(received) == str(error)


def test_expired_frame_keeps_its_facts() -> None:
    received = decode_reply(encode_refusal("msgpack", 1, "frame_expired", FrameExpiredError(3, 10, 40)), 1)
    assert isinstance(received, FrameExpiredError)
    assert (received.at_frame, received.oldest_frame_idx, received.newest_frame_idx) == (3, 10, 40)


@given(st.binary(max_size=80))
def test_reply_that_is_garbage_raises_nothing_but_publish_error(data: bytes) -> None:
    with nothing_but_publish_error():
        decode_reply(data, 1)


def test_request_that_is_too_long_is_refused_before_it_is_sent() -> None:
    with pytest.raises(PromptError, match=r"add: \d+ bytes, expected at most"):
        encode_request({"op": "add", "mask": "x" * MAX_REQUEST_BYTES}, 1)


def test_client_knows_every_field_that_the_server_sends() -> None:
    assert envelope.Answer.__struct_fields__ == tuple(commands.Answer.model_fields)
