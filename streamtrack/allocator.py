"""glibc's memory: few pools, so that a process's memory stays what its work needs, and what a frame needs is
kept for the next one.

glibc gives threads pools of their own, up to eight a core, and what a thread has freed stays in its pool for
whoever shares that. Streams come and go with their threads, so that in the end every pool has once held the
working memory of a step. Measured over two and a half minutes of cameras and steps that fail and come back:
305 MB held for nothing with 16 pools and rising, 60 to 80 with two.

What is free between pieces in use stays, too: over an hour of streams, viewers and objects that come and go,
a server that uses 420 MB came to hold 1,040. From time to time it is given back.

As a rule it gives large pieces back to the system as soon as they are free. Every frame then asks for the
same pieces again, page by page: of nano's uncompiled encoder that was a quarter of the time.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

ARENAS_ENV = "MALLOC_ARENA_MAX"
THRESHOLD_ENVS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of mallopt(3), in malloc.h."""
POOLS = 2
"""One for the thread that tracks, and one that the others share, as a rule."""

KEPT_BYTES = 1 << 28
"""So much that is free at the end of a pool stays there: more than nano's step takes."""
LARGEST_BYTES = 1 << 25
"""Larger pieces are asked for one by one all the same: the most that glibc accepts."""

IDLE_BYTES = 1 << 28
"""What may lie free, or half as much as is in use where that is more."""


class _Usage(ctypes.Structure):
    """`struct mallinfo2` of malloc.h; bytes, of all pools."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def use_few_pools(environment: Mapping[str, str] = os.environ) -> bool:
    """Bound glibc's pools, unless the user has; to be called before threads are there. False where the
    system's allocator is another."""
    if ARENAS_ENV in environment or "GLIBC_TUNABLES" in environment or sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(M_ARENA_MAX, POOLS) == 1


def keep_freed_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Give back what is free now, and keep what is freed from now on, unless the user has set otherwise.
    False where the system's allocator is another."""
    names = (*THRESHOLD_ENVS, "GLIBC_TUNABLES")
    if any(name in environment for name in names) or sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    mallopt, trim = getattr(library, "mallopt", None), getattr(library, "malloc_trim", None)
    if mallopt is None or trim is None:
        return False
    trim(ctypes.c_size_t(0))
    pieces, kept = mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES), mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    return bool(pieces == 1 and kept == 1)


def give_back_what_lies_idle(
    environment: Mapping[str, str] = os.environ, *, idle_bytes: int = IDLE_BYTES
) -> int:
    """Give free memory back to the system where much of it lies between pieces in use; how many bytes were
    free then, 0 where they stay. Threads that allocate wait meanwhile, milliseconds: not at every frame."""
    if any(name in environment for name in THRESHOLD_ENVS) or sys.platform != "linux":
        return 0
    library = ctypes.CDLL(None)
    usage, trim = getattr(library, "mallinfo2", None), getattr(library, "malloc_trim", None)
    if usage is None or trim is None:  # another system's, or glibc before 2.33
        return 0
    usage.restype = _Usage
    found = usage()
    free = int(found.fordblks)
    if free <= max(idle_bytes, int(found.uordblks) // 2):
        return 0
    trim(ctypes.c_size_t(0))
    return free
