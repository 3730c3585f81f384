"""Calls of a network side by side, each on one core.

One call on several cores waits at every one of its small kernels for the slowest core. Where there are
several objects to follow, each core takes objects of its own instead, and they meet once a frame.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

_starting = threading.Lock()
STARTING_TIMEOUT_S = 60.0
"""For threads that only begin: far longer than that takes."""


class SideBySide:
    """Threads in which torch computes on one core each. They begin with the first call and end with this
    object; several threads may call it, and then share them.

    Args:
        workers: how many calls compute at the same time.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ThreadPoolExecutor | None = None

    def map(self, call: Callable[[T], R], arguments: Iterable[T]) -> Sequence[R]:
        """What the call gives for each argument, in their order. All are done when it returns.

        Raises:
            Exception: what the first call that failed raised.
        """
        futures = [self._started().submit(call, argument) for argument in arguments]
        wait(futures)
        return [future.result() for future in futures]

    def _started(self) -> ThreadPoolExecutor:
        with _starting:
            if self._pool is None:
                self._pool = _start(self.workers)
            return self._pool


def _start(workers: int) -> ThreadPoolExecutor:
    """Threads for as many calls, all of them there."""
    threads = torch.get_num_threads()
    begun = threading.Barrier(workers + 1)

    def begin() -> None:
        torch.get_num_threads()  # A thread's first question sets its number: it must come before.
        torch.set_num_threads(1)
        begun.wait(STARTING_TIMEOUT_S)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="streamtrack-object")
    for _ in range(workers):
        pool.submit(begin)
    begun.wait(STARTING_TIMEOUT_S)
    # torch keeps the number for each thread, and the last one that was set for threads to come.
    torch.set_num_threads(threads)
    return pool
