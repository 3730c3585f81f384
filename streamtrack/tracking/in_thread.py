"""Iterators that compute, for event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_END = object()


async def in_thread(make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
    """The items of an iterator that is made and asked in one thread of its own, each when it is awaited."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="streamtrack-film") as pool:
        items = await loop.run_in_executor(pool, make)
        try:
            while (item := await loop.run_in_executor(pool, next, items, _END)) is not _END:
                yield item  # type: ignore[misc]
        finally:
            close = getattr(items, "close", None)
            if close is not None:  # a generator whose reader is open, say
                await loop.run_in_executor(pool, close)
