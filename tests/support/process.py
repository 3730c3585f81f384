"""Processes that tests start, and that never outlive them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LIFE_S = 90.0
"""Importing torch and loading nano on a busy machine, and then some. What lives longer hangs, and is
killed."""

START_S = 60.0
"""Importing torch and loading nano on a busy machine."""


def streamtrack(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "streamtrack.cli.main", *arguments]


@contextmanager
def started(
    *argv: str | Path,
    env: Mapping[str, str] | None = None,
    errors: int = subprocess.PIPE,
    life_s: float = LIFE_S,
) -> Iterator[subprocess.Popen[str]]:
    """A process whose output is read through pipes; it ends with the block, or after `life_s`, so that no
    read lasts for ever."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, text=True, env=env)
    watchdog = threading.Timer(life_s, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
