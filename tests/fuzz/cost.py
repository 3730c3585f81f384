"""That reading takes time by the size of what is read: the same kind of input, at doubled sizes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

SMALL_S = 0.02
"""Less than this is not measured: the clock, the collector and the machine are in it."""
MAX_GROWTH = 3.2
"""Of the time as the size doubles: 2 where it is linear, 4 where it is the square."""
BASE_S, SECONDS_A_MEGABYTE = 0.25, 1.5
"""What any input may cost: a start, and so much for each 10^6 bytes of it."""


def bound_s(num_bytes: int) -> float:
    """The longest that so many bytes may occupy a processor."""
    return BASE_S + SECONDS_A_MEGABYTE * num_bytes / 1e6


def processor_s(call: Callable[[], object]) -> float:
    """Processor time of this thread that a call takes, the better of two where it is long.

    A neighbour's work is not in it, nor the collector's, which looks through the whole process.
    """
    took: list[float] = []
    gc.disable()
    try:
        while not took or (len(took) < 2 and took[0] > SMALL_S):
            began = time.thread_time()
            call()
            took.append(time.thread_time() - began)
    finally:
        gc.enable()
    return min(took)


def check_cost(
    make: Callable[[int], bytes], read: Callable[[bytes], object], sizes: tuple[int, ...], what: str
) -> None:
    """Raise AssertionError where reading what `make` gives of a size costs more than `bound_s`, or grows as
    the square of it."""
    before: tuple[int, float] | None = None
    for size in sizes:
        data = make(size)
        took = processor_s(lambda data=data: read(data))  # type: ignore[misc]
        assert took <= bound_s(len(data)), f"{what}: {len(data)} bytes took {took:.2f} s"
        if before is not None and before[1] > SMALL_S:
            grown = len(data) / before[0]
            assert took / before[1] <= MAX_GROWTH * max(1.0, grown / 2), (
                f"{what}: {before[0]} bytes took {before[1]:.3f} s, {len(data)} took {took:.3f} s"
            )
        before = len(data), took
