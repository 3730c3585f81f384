"""glibc's memory pools: few of them, so that a process's memory stays what its work needs.

glibc gives threads pools of their own, up to eight a core, and what a thread has freed stays in its pool for
whoever shares that. Streams come and go with their threads, so that in the end every pool has once held the
working memory of a step. Measured over two and a half minutes of cameras and steps that fail and come back:
305 MB held for nothing with 16 pools and rising, 60 to 80 with two.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

ARENAS_ENV = "MALLOC_ARENA_MAX"
M_ARENA_MAX = -8
"""Of mallopt(3), in malloc.h."""
POOLS = 2
"""One for the thread that tracks, and one that the others share, as a rule."""


def use_few_pools(environment: Mapping[str, str] = os.environ) -> bool:
    """Bound glibc's pools, unless the user has; to be called before threads are there. False where the
    system's allocator is another."""
    if ARENAS_ENV in environment or "GLIBC_TUNABLES" in environment or sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(M_ARENA_MAX, POOLS) == 1
