"""What a server does at the system's signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first SIGINT or SIGTERM; the second SIGINT ends the process at once."""
    loop = asyncio.get_running_loop()
    asked = 0

    def on_signal(number: int) -> None:
        nonlocal asked
        asked += 1
        if asked > 1 and number == signal.SIGINT:
            os._exit(EXIT_INTERRUPTED)
        stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    if sys.platform == "win32":  # its loops take no signal handlers
        before = [signal.signal(n, lambda n, _: loop.call_soon_threadsafe(on_signal, n)) for n in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
        return
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def reload_on_hangup(reload: Callable[[], None]) -> Iterator[None]:
    """Call `reload` at each SIGHUP, where the system has it."""
    if sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
