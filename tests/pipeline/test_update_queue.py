"""Updates that wait for one consumer: masks may go, events stay and keep their order."""

from __future__ import annotations

import pytest

from streamtrack.frame import Event, EventKind, Update
from streamtrack.mailbox import MailboxClosed
from streamtrack.pipeline.update_queue import EVENTS_HELD, Dropped, UpdateQueue
from tests.support.video import result


def update(index: int, *kinds: EventKind) -> Update:
    return Update("cam", result(index, {}), events=tuple(Event(kind, index) for kind in kinds))


def events(*kinds: EventKind) -> Update:
    return Update("cam", None, events=tuple(Event(kind, -1) for kind in kinds))


def kinds(taken: Update | None) -> list[EventKind]:
    assert taken is not None
    return [event.kind for event in taken.events]


def test_full_queue_drops_the_oldest_masks_and_tells_their_events_first() -> None:
    queue = UpdateQueue(2)
    assert queue.put(update(0, EventKind.LOST)) == Dropped()
    assert queue.put(update(1, EventKind.FOUND)) == Dropped()
    assert queue.put(update(2, EventKind.OCCLUDED)) == Dropped(results=1)
    first, second = queue.get(0), queue.get(0)
    assert kinds(first) == [EventKind.LOST, EventKind.FOUND]
    assert first is not None
    assert first.result is not None
    assert first.result.frame_idx == 1
    assert kinds(second) == [EventKind.OCCLUDED]


def test_events_without_masks_come_after_what_was_told_before_and_push_nothing_out() -> None:
    queue = UpdateQueue(1)
    queue.put(update(0, EventKind.LOST))
    assert queue.put(events(EventKind.PAUSED)) == Dropped()
    assert kinds(queue.get(0)) == [EventKind.LOST, EventKind.PAUSED]
    queue.put(events(EventKind.RESUMED))
    assert queue.put(update(1, EventKind.FOUND)) == Dropped(), "what was pushed out held no masks"
    assert kinds(queue.get(0)) == [EventKind.RESUMED, EventKind.FOUND]


def test_events_that_nobody_takes_are_bounded_and_the_newest_stay() -> None:
    queue = UpdateQueue(1)
    queue.put(update(0, *[EventKind.LOST] * EVENTS_HELD))
    assert queue.put(events(EventKind.PAUSED)) == Dropped(events=1)
    taken = kinds(queue.get(0))
    assert len(taken) == EVENTS_HELD
    assert taken[-1] is EventKind.PAUSED


def test_closed_queue_gives_what_it_holds_and_takes_nothing() -> None:
    queue = UpdateQueue(2)
    queue.put(update(0))
    assert queue.wait_for_room(0)
    queue.close()
    queue.put(update(1))
    taken = queue.get(0)
    assert taken is not None
    assert taken.result is not None
    assert taken.result.frame_idx == 0
    with pytest.raises(MailboxClosed):
        queue.get(0)


def test_room_is_waited_for_in_vain_while_nobody_takes() -> None:
    queue = UpdateQueue(1)
    queue.put(update(0))
    assert not queue.wait_for_room(0)
    queue.get(0)
    assert queue.wait_for_room(0)
