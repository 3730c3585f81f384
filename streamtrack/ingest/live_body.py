"""The endless body of an HTTP answer as a file that FFmpeg reads, with a limit on how long it may take."""

from __future__ import annotations

import time
from typing import Any


class LiveBody:
    """Reads what has come, never waits past the time it was allowed. FFmpeg and we use it in turn."""

    def __init__(self, response: Any, head: bytes) -> None:
        """`response` has `read1` and `close`; `head` was read from it before."""
        self._response = response
        self._head = head
        self._deadline_s = float("inf")

    def allow(self, seconds: float) -> None:
        """Let reading take until so long from now."""
        self._deadline_s = time.monotonic() + seconds

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, as soon as there is one; none at the end.

        Raises:
            TimeoutError: the time allowed is over, or the socket's own.
        """
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        if time.monotonic() > self._deadline_s:
            raise TimeoutError("nothing complete came in time")
        data: bytes = self._response.read1(size)
        return data

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
