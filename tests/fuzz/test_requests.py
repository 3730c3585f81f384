"""Requests and replies of the control socket, as bytes and as values."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from streamtrack.control.commands import parse_command
from streamtrack.control.envelope import (
    BadRequest,
    decode_reply,
    decode_request,
    encode_answer,
    encode_refusal,
)
from streamtrack.errors import PromptError, PublishError
from tests.fuzz.amount import amount, dice
from tests.fuzz.cost import check_cost
from tests.fuzz.mutate import changed_value, damaged
from tests.fuzz.refused import taken

RLE = {"size": [96, 160], "counts": "PQd0"}
COMMANDS: tuple[dict[str, Any], ...] = (
    {"op": "add", "stream": "cam", "box": [10, 20, 40, 60], "label": "cup"},
    {"op": "add", "stream": "cam", "points": [[10, 20], [30, 40]], "labels": [1, 0], "at_frame": 0},
    {"op": "add", "stream": "still", "object_id": 1, "box": [20, 20, 60, 60]},
    {"op": "add", "stream": "still", "object_id": 2, "mask": RLE},
    {"op": "correct", "stream": "still", "object_id": 1, "points": [[30, 30]]},
    {
        "op": "mend",
        "stream": "still",
        "object_id": 1,
        "box": [20, 20, 60, 60],
        "detail": {"by": "x", "at": [1.5]},
    },
    {"op": "likeness", "stream": "still", "object_id": 1, "boxes": [[0, 0, 9, 9]], "keep": True},
    {"op": "start_over", "stream": "still", "object_id": 1, "box": [20, 20, 60, 60]},
    {"op": "undo", "stream": "still", "object_id": 1},
    {"op": "clear", "stream": "still", "object_id": 1, "at_frame": 2},
    {"op": "candidates", "stream": "still", "object_id": 1},
    {"op": "choose", "stream": "still", "object_id": 1, "index": 1},
    {"op": "merge", "stream": "still", "object_id": 1, "other_id": 2},
    {"op": "label", "stream": "cam", "object_id": 1, "label": "b"},
    {"op": "find", "stream": "cam", "point": [40, 50]},
    {"op": "add_memory", "stream": "still", "object_id": 5},
    {"op": "propose", "stream": "still"},
    {"op": "add_from", "stream": "still", "from_stream": "cam", "from_object_id": 1},
    {"op": "export", "stream": "still", "object_id": 1},
    {"op": "remove", "stream": "still", "object_id": 1},
    {"op": "remove", "stream": "cam", "object_id": 1},
    *({"op": op, "stream": "cam"} for op in ("list", "pause", "resume", "retry", "replay")),
    {"op": "replay", "stream": "still"},
    {"op": "restart", "stream": "still"},
)


def encoded(value: Any, rng: random.Random) -> bytes:
    """JSON or msgpack, as far as it holds the value."""
    try:
        return msgspec.msgpack.encode(value) if rng.random() < 0.5 else json.dumps(value).encode()
    except (OverflowError, UnicodeEncodeError):
        return json.dumps(value).encode()


def odd_request(rng: random.Random) -> bytes:
    """A request with an odd value, a damaged one, or one that is as it should be."""
    command = {**rng.choice(COMMANDS), "request_id": rng.choice((1, "a", None, 2**70, "x" * 200))}
    pick = rng.random()
    if pick < 0.15:
        return encoded(command, rng)
    data = encoded(changed_value(command, rng), rng)
    return data if pick < 0.7 else damaged(data, rng)


def read_request(data: bytes) -> None:
    parse_command(decode_request(data).command)


def test_odd_request_is_a_command_or_refused() -> None:
    rng, num_taken = dice("requests"), 0
    for _ in range(amount(800, 100_000)):
        data = odd_request(rng)
        num_taken += taken(lambda data=data: read_request(data), BadRequest, PromptError, what=data)  # type: ignore[misc]
    assert num_taken > 0


def test_odd_reply_is_read_or_refused() -> None:
    rng = dice("replies")
    answer = {"stream": "cam", "op": "add", "frame_idx": 4, "object_id": 1, "objects": [], "paused": False}
    sound = [encode_answer("msgpack", 7, answer), encode_refusal("msgpack", 7, "prompt", "one line")]
    for _ in range(amount(200, 30_000)):
        data = damaged(rng.choice(sound), rng, sound)
        taken(lambda data=data: decode_reply(data, 7), PublishError, what=data)  # type: ignore[misc]


SHAPES: dict[str, Any] = {
    "unknown keys": lambda n: {"op": "list", "stream": "cam"} | {f"k{i}": i for i in range(n)},
    "points": lambda n: {**COMMANDS[1], "points": [[i, i] for i in range(n)]},
    "bad points": lambda n: {**COMMANDS[1], "points": [["x", None]] * n},
    "labels": lambda n: {**COMMANDS[1], "labels": [2] * n},
    "boxes": lambda n: {**COMMANDS[6], "boxes": [[0, 0, 9, "x"]] * n},
    "details": lambda n: {**COMMANDS[5], "detail": {f"k{i}": [1.5] for i in range(n)}},
    "a long text": lambda n: {"op": "label", "stream": "cam", "object_id": 1, "label": "x" * 8 * n},
    "a long op": lambda n: {"op": "x" * 8 * n, "stream": "cam"},
    "a long key": lambda n: {"op": "list", "x" * 8 * n: 1},
    "run lengths": lambda n: {**COMMANDS[0], "mask": {"size": [9000, 9000], "counts": "1" * 8 * n}},
    "a long number": lambda n: {"op": "list", "stream": "cam", "object_id": 0, "n": "9" * 8 * n},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_request_costs_what_its_size_is_worth(shape: str) -> None:
    def read(data: bytes) -> None:
        taken(lambda: read_request(data), BadRequest, PromptError)

    check_cost(lambda n: json.dumps(SHAPES[shape](n)).encode(), read, (2_000, 8_000, 32_000), shape)


@pytest.mark.parametrize(
    "start", [b"[", b'{"a":', b"\x91", b"\xdd\x7f\xff\xff\xff", b"9", b'"\\u0041', b'{"op":1,']
)
def test_bytes_again_and_again_cost_what_their_number_is_worth(start: bytes) -> None:
    def read(data: bytes) -> None:
        taken(lambda: read_request(data), BadRequest, PromptError)

    check_cost(lambda n: start * n, read, (20_000, 40_000, 80_000), repr(start))
