"""Places for those who watch live events.

Nobody can tell a page that reads from a connection that only lets its system's buffers fill, which takes
minutes. So where places run out, the watcher that has been there longest makes room: a page asks again by
itself, and whoever does not read does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from streamtrack.errors import CapacityError

MAX_WATCHERS = 64
"""At one time; each is a connection and ten small messages a second."""
MAX_WATCHERS_PER_PEER = 48
"""Of one client address, so that one machine leaves places to others."""
STAY_S = 20.0
"""Nobody makes room before that: more pages than places take turns, and none only comes and goes."""


@dataclass(eq=False, slots=True)
class Watcher:
    """One who watches."""

    peer: str
    since_s: float
    leaves: bool = False
    """Its place was given to another."""


class Watchers:
    """Who watches, in the order in which they came."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._here: list[Watcher] = []

    @contextmanager
    def watching(self, peer: str) -> Iterator[Watcher]:
        """A place, while the context lasts or until `leaves`.

        Raises:
            CapacityError: there is none.
        """
        self.make_room(peer)
        watcher = Watcher(peer, self._now_s())
        self._here.append(watcher)
        try:
            yield watcher
        finally:
            if watcher in self._here:
                self._here.remove(watcher)

    def make_room(self, peer: str) -> None:
        """See that there is a place for one more.

        Raises:
            CapacityError: there is none, and nobody has watched for STAY_S.
        """
        of_peer = [watcher for watcher in self._here if watcher.peer == peer]
        if len(of_peer) >= MAX_WATCHERS_PER_PEER:
            full = of_peer
        elif len(self._here) >= MAX_WATCHERS:
            full = self._here
        else:
            return
        oldest = full[0]
        if self._now_s() - oldest.since_s < STAY_S:
            raise CapacityError(
                f"{len(self._here)} pages watch, and there is no place for another; close one, or ask later"
            )
        oldest.leaves = True
        self._here.remove(oldest)
