from __future__ import annotations

from contextlib import ExitStack

import pytest

from streamtrack.errors import CapacityError
from streamtrack.http.watchers import MAX_WATCHERS, MAX_WATCHERS_PER_PEER, STAY_S, Watcher, Watchers


class Room:
    """Watchers under a clock that stands still until it is moved."""

    def __init__(self, stack: ExitStack) -> None:
        self.now_s = 0.0
        self.watchers = Watchers(lambda: self.now_s)
        self._stack = stack

    def enter(self, peer: str) -> Watcher:
        return self._stack.enter_context(self.watchers.watching(peer))


def test_newcomer_takes_the_place_of_who_has_watched_longest() -> None:
    with ExitStack() as stack:
        room = Room(stack)
        here = [room.enter(f"peer {index}") for index in range(MAX_WATCHERS)]
        with pytest.raises(CapacityError, match="there is no place for another"):
            room.enter("late")
        room.now_s = STAY_S
        room.enter("late")
        assert [watcher.leaves for watcher in here] == [True] + [False] * (MAX_WATCHERS - 1)


def test_one_client_leaves_places_to_others_and_makes_room_among_its_own() -> None:
    with ExitStack() as stack:
        room = Room(stack)
        other = room.enter("other")
        greedy = [room.enter("greedy") for _ in range(MAX_WATCHERS_PER_PEER)]
        with pytest.raises(CapacityError):
            room.enter("greedy")
        room.enter("another")
        room.now_s = STAY_S
        room.enter("greedy")
        assert greedy[0].leaves
        assert not other.leaves


def test_who_goes_leaves_a_place() -> None:
    with ExitStack() as stack:
        room = Room(stack)
        for _ in range(MAX_WATCHERS_PER_PEER - 1):
            room.enter("a")
        for _ in range(3):
            with room.watchers.watching("a"):
                pass
