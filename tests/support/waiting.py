"""Bounded waits, without anything that takes long to import."""

from __future__ import annotations

import time
from collections.abc import Callable

SOON_S = 30.0
"""Longer than a few steps take on a busy machine; only a defect waits for it."""


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = SOON_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not in {timeout_s:g} s"
        time.sleep(0.01)
