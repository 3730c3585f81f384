"""An answer that is dear to make, made once for all who ask meanwhile, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class MadeOnce(Generic[T]):
    """Whoever asks gets what was begun after he asked, with all others who wait for it.

    However many ask at once, two are under way at most: the one that has begun, and the one that is next.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._next: asyncio.Task[T] | None = None
        self._running: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The answer; raises what making it raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._made_after(self._running))
        # One who goes away takes it from nobody else.
        return await asyncio.shield(self._next)

    async def _made_after(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait((before,))
        self._running, self._next = self._next, None
        return await asyncio.to_thread(self._make)
