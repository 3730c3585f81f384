"""Whether anyone has the page open. Pure: times are of one monotonic clock, in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE_S = 5.0
"""How long a page may be away before it counts as closed: one that is loaded anew comes back sooner."""


class Presence:
    """Counts the pages that listen."""

    def __init__(self, now_s: Callable[[], float], grace_s: float = GRACE_S) -> None:
        self._now_s = now_s
        self._grace_s = grace_s
        self._here = 0
        self._left_at_s: float | None = None

    @contextmanager
    def here(self) -> Iterator[None]:
        """A page listens while the context lasts."""
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1
            self._left_at_s = self._now_s()

    @property
    def gone(self) -> bool:
        """Whether a page was open, and none has been for a while."""
        if self._here or self._left_at_s is None:
            return False
        return self._now_s() - self._left_at_s >= self._grace_s
