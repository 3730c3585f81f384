"""An event loop in a thread of its own, for code that waits in another thread for what happens on it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


CLEANUP_S = 2.5
"""How long a coroutine that took too long may take to close what it opened."""


class GivenUp(Exception):
    """What was waited for was given up: `abort`, or `end`."""


class LoopThread:
    """Runs from `__init__` to `end`. `wait` and `end` belong to one thread, `abort` to any."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._waiting: concurrent.futures.Future[Any] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self, task: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run a coroutine on the loop; its result or error.

        Raises:
            TimeoutError: it took longer, was cancelled, and has closed what it opened (CLEANUP_S for that).
            GivenUp: `abort` was called.
        """
        self._waiting = future = asyncio.run_coroutine_threadsafe(_in_time(task, timeout_s), self.loop)
        try:
            return future.result(timeout_s + CLEANUP_S)
        except concurrent.futures.CancelledError:
            raise GivenUp from None
        except TimeoutError:
            future.cancel()
            raise
        finally:
            self._waiting = None

    def abort(self) -> None:
        """Give up what `wait` waits for, if anything."""
        waiting = self._waiting
        if waiting is not None:
            waiting.cancel()

    def end(self, timeout_s: float) -> None:
        """Stop the loop, cancel what runs on it, and give everything back."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()


async def _in_time(task: Coroutine[Any, Any, T], timeout_s: float) -> T:
    async with asyncio.timeout(timeout_s):
        return await task
