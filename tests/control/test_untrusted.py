from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from streamtrack.control.untrusted import (
    INLINE_BYTES,
    MAX_DEPTH,
    MAX_KEY_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_VALUES,
    check_extent,
    decode_off_loop,
    one_line,
)
from streamtrack.errors import BadRequestError


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "raw", [{}, {"points": [[1, 2]] * 64, "labels": [1] * 64}, [0] * MAX_VALUES, nested(MAX_DEPTH), 7, "text"]
)
def test_what_a_command_may_hold_passes(raw: Any) -> None:
    check_extent(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([0] * (MAX_VALUES + 1), "more than 2000 values"),
        ([[0] * 1_000, [0] * 1_000], "more than 2000 values"),
        ({str(key): 0 for key in range(MAX_VALUES + 1)}, "more than 2000 values"),
        (nested(MAX_DEPTH + 2), "nested deeper than 4 levels"),
        ({"x" * (MAX_KEY_CHARS + 1): 1}, "a key of the command has 65 characters"),
        ({"mask": {7: 1}}, "a key of the command is int"),
    ],
)
def test_what_no_command_holds_is_refused(raw: Any, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        check_extent(raw)


async def test_long_request_is_decoded_in_another_thread_and_without_collections() -> None:
    def where(data: bytes) -> tuple[bool, bool]:
        return threading.current_thread() is threading.main_thread(), gc.isenabled()

    assert await decode_off_loop(where, b"x") == (True, True)
    assert await decode_off_loop(where, b"x" * (INLINE_BYTES + 1)) == (False, False)
    assert gc.isenabled()


async def test_failure_in_the_other_thread_is_the_callers_and_collections_go_on() -> None:
    def fail(data: bytes) -> None:
        raise BadRequestError("no")

    with pytest.raises(BadRequestError, match="no"):
        await decode_off_loop(fail, b"x" * (INLINE_BYTES + 1))
    assert gc.isenabled()


def test_message_is_one_short_line() -> None:
    assert one_line("a\n  b") == "a b"
    assert len(one_line("x" * 1_000_000)) == MAX_MESSAGE_CHARS
