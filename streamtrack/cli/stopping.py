"""A command that Ctrl-C, `docker stop` or a batch queue ends: in order where there is something to finish."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP


class StoppedError(KeyboardInterrupt):
    """A signal came while there was nothing to finish, or a second one."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Stopping:
    """What signals ask for. Until `in_order` is set the first one raises `StoppedError`; then it only sets
    `number`, and the second one raises."""

    def __init__(self) -> None:
        self.in_order = False
        """True while there is work that asks `asked` often enough."""
        self.number: int | None = None
        """The signal that came first."""

    def asked(self) -> bool:
        """Whether to finish."""
        return self.number is not None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        first = self.number is None
        self.number = self.number or number
        if not (first and self.in_order):
            raise StoppedError(number)


@contextmanager
def signals_stop() -> Iterator[Stopping]:
    """Take the signals over until the block ends."""
    stopping = Stopping()
    before = {number: signal.signal(number, stopping.handle) for number in SIGNALS}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(number: int) -> int:
    """128 and the signal's number, as shells count."""
    return 128 + number


def signal_name(number: int) -> str:
    """Such as SIGTERM."""
    return signal.Signals(number).name
