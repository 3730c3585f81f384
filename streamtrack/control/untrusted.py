"""What a client sends, before it is believed: decoded off the event loop, and refused while that is cheap.

What comes later (checking each key, describing what is wrong) costs more for every value. So the number of
values, their depth and their keys are bounded first, and a request of any size costs the loop next to
nothing.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from streamtrack.errors import BadRequestError

MAX_REQUEST_BYTES = 1 << 20
"""Of one command; far more than the mask of any object takes."""
MAX_VALUES = 2_000
"""Numbers, texts, lists and maps in one command; the largest prompt has 280."""
MAX_DEPTH = 4
"""A command's points are lists in a list in a map."""
MAX_KEY_CHARS = 64
INLINE_BYTES = 8_192
"""A request that is not longer is decoded at once; a thread would cost more."""
MAX_MESSAGE_CHARS = 500
"""Of an error: it may quote what the client sent."""

T = TypeVar("T")
# One thread: two that decode would only keep each other, and the loop, from running.
_decoder = ThreadPoolExecutor(1, "decode-requests")


async def decode_off_loop(decode: Callable[[bytes], T], data: bytes) -> T:
    """`decode(data)`, in a thread where the data is long; raises what it raises."""
    if len(data) <= INLINE_BYTES:
        return decode(data)
    return await asyncio.get_running_loop().run_in_executor(_decoder, _uncollected, decode, data)


def _uncollected(decode: Callable[[bytes], T], data: bytes) -> T:
    """`decode(data)` without garbage collection, which a hundred thousand values would set off again and
    again: each looks through the whole process, and everything waits."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return decode(data)
    finally:
        if enabled:
            gc.enable()


def check_extent(raw: Any, max_depth: int = MAX_DEPTH) -> None:
    """Refuse decoded values that are too many, too deep, or named too long.

    Raises:
        BadRequestError: the command holds more than MAX_VALUES values, is deeper than `max_depth`, or has a
            key that is no text of MAX_KEY_CHARS at most.
    """
    num_values = 0
    level = [raw]
    for _ in range(max_depth + 1):
        below: list[Any] = []
        for value in level:
            if not isinstance(value, dict | list | tuple):
                continue
            num_values += len(value)
            if num_values > MAX_VALUES:
                raise BadRequestError(
                    f"the command holds more than {MAX_VALUES} values, expected at most a prompt"
                )
            if isinstance(value, dict):
                _check_keys(value)
                below += value.values()
            else:
                below += value
        if not below:
            return
        level = below
    raise BadRequestError(f"the command is nested deeper than {max_depth} levels, expected at most a prompt")


def one_line(message: object) -> str:
    """An error's text as one line of at most MAX_MESSAGE_CHARS."""
    text = " ".join(str(message)[: 4 * MAX_MESSAGE_CHARS].split())
    return text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 3] + "..."


def _check_keys(value: dict[Any, Any]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise BadRequestError(f"a key of the command is {type(key).__name__}, expected text")
        if len(key) > MAX_KEY_CHARS:
            raise BadRequestError(
                f"a key of the command has {len(key)} characters, expected at most {MAX_KEY_CHARS}"
            )
