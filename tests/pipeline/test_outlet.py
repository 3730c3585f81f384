"""Consumers of one stream: each its own pace, one order, and nobody's failure is another's."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.frame import Event, EventKind, Update
from streamtrack.pipeline.consumer_thread import Attachment, ConsumerThread
from streamtrack.pipeline.outlet import Outlet
from streamtrack.telemetry import Telemetry
from tests.support.pipelines import SOON_S, wait_until
from tests.support.video import dropped, result


class Listing:
    """Keeps what it took; waits, or fails, where it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken: list[Update] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.is_broken = False
        self.closed = 0

    def take(self, update: Update) -> None:
        assert self.may_go_on.wait(SOON_S)
        if self.is_broken:
            raise OSError("no space left")
        self.taken.append(update)

    def close(self) -> None:
        self.closed += 1


class Parts:
    """An outlet with what it reports to."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.health: list[tuple[str, str | None]] = []
        self.outlet = Outlet("cam", self.telemetry.stream("cam"), SYSTEM_CLOCK, self.note)

    def note(self, thread: ConsumerThread) -> None:
        self.health.append((thread.name, thread.failure))

    def emit(self, index: int, *, wait: bool = False) -> None:
        update = Update("cam", result(index, {}), events=(Event(EventKind.TRACKING, index, 1),))
        self.outlet.emit(update, is_wanted=lambda: True, wait_while=(lambda: True) if wait else None)


@pytest.fixture
def parts() -> Iterator[Parts]:
    parts = Parts()
    yield parts
    parts.outlet.close()
    assert parts.outlet.join(SOON_S)


def test_every_consumer_gets_every_update_in_order_and_is_closed_once(parts: Parts) -> None:
    first, second = Listing("first"), Listing("second")
    parts.outlet.attach(first, Attachment(capacity=8))
    parts.outlet.start()
    parts.outlet.attach(second, Attachment(capacity=8))
    for index in range(4):
        parts.emit(index)
    parts.outlet.tell(Event(EventKind.PAUSED, 3))
    parts.outlet.close()
    assert parts.outlet.join(SOON_S)
    for consumer in (first, second):
        told = [event for update in consumer.taken for event in update.events]
        assert [event.frame_idx for event in told] == [0, 1, 2, 3, 3]
        assert told[-1].kind is EventKind.PAUSED
        assert consumer.closed == 1
    assert [past.seq for past in parts.outlet.past_events()] == [0, 1, 2, 3, 4]


def test_slow_consumer_loses_masks_by_its_own_reason_and_holds_nobody_up(parts: Parts) -> None:
    slow, quick = Listing("slow"), Listing("quick")
    slow.may_go_on.clear()
    parts.outlet.attach(slow, Attachment(capacity=1, drop_reason="late"))
    parts.outlet.attach(quick, Attachment(capacity=16))
    parts.outlet.start()
    parts.emit(0)
    wait_until(lambda: parts.outlet.has_room() and len(quick.taken) == 1, "the first update")
    for index in range(1, 6):
        parts.emit(index)
    wait_until(lambda: len(quick.taken) == 6, "the quick one's six")
    slow.may_go_on.set()
    parts.outlet.close()
    assert parts.outlet.join(SOON_S)
    told = [event.frame_idx for update in slow.taken for event in update.events]
    assert told == list(range(6)), "events are not lost with their masks"
    assert len(slow.taken) + dropped(parts.telemetry, "late") == 6
    assert dropped(parts.telemetry, "late") >= 4, "of six, one is being taken and one waits"


def test_consumer_that_may_miss_no_frame_is_waited_for(parts: Parts) -> None:
    slow = Listing("slow")
    slow.may_go_on.clear()
    parts.outlet.attach(slow, Attachment(capacity=1, every_frame=True))
    parts.outlet.start()
    emitted = threading.Event()

    def emit_four() -> None:
        for index in range(4):
            parts.emit(index, wait=True)
        emitted.set()

    thread = threading.Thread(target=emit_four)
    thread.start()
    assert not emitted.wait(0.1)
    slow.may_go_on.set()
    thread.join(SOON_S)
    parts.outlet.close()
    assert parts.outlet.join(SOON_S)
    assert len(slow.taken) == 4


def test_consumer_that_fails_is_told_once_and_goes_on_when_it_works_again(parts: Parts) -> None:
    broken, sound = Listing("broken"), Listing("sound")
    parts.outlet.attach(broken, Attachment(capacity=16, required=True))
    parts.outlet.attach(sound, Attachment(capacity=16))
    parts.outlet.start()
    broken.is_broken = True
    for index in range(3):
        parts.emit(index)
    wait_until(lambda: dropped(parts.telemetry, "broken_failed") == 3, "three failures")
    wait_until(lambda: len(sound.taken) == 3, "the other's three")
    assert parts.outlet.failure == "broken failed: OSError: no space left"
    broken.is_broken = False
    parts.emit(3)
    wait_until(lambda: parts.outlet.failure is None, "the return")
    assert parts.health == [("broken", "broken failed: OSError: no space left"), ("broken", None)]


def test_update_of_a_run_that_was_given_up_reaches_nobody(parts: Parts) -> None:
    consumer = Listing("one")
    parts.outlet.attach(consumer, Attachment())
    parts.outlet.start()
    parts.outlet.emit(Update("cam", result(0, {})), is_wanted=lambda: False, wait_while=lambda: True)
    parts.outlet.close()
    assert parts.outlet.join(SOON_S)
    assert consumer.taken == []


def test_second_consumer_of_a_name_is_refused(parts: Parts) -> None:
    parts.outlet.attach(Listing("masks"), Attachment())
    with pytest.raises(ValueError, match="'masks' is attached already"):
        parts.outlet.attach(Listing("masks"), Attachment())


def test_wait_for_a_consumer_that_hangs_ends_with_the_stream(parts: Parts) -> None:
    stuck = Listing("stuck")
    stuck.may_go_on.clear()
    parts.outlet.attach(stuck, Attachment(capacity=1, every_frame=True))
    parts.outlet.start()
    looks: list[int] = []

    def look_twice() -> bool:
        looks.append(1)
        return len(looks) < 3

    for index in range(3):
        looks.clear()
        parts.outlet.emit(Update("cam", result(index, {})), is_wanted=lambda: True, wait_while=look_twice)
    stuck.may_go_on.set()


def test_events_are_counted_by_kind_and_numbers_that_are_none_are_logged(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        parts.outlet.tell(Event(EventKind.GAP, 1), Event(EventKind.NOT_FINITE, 1, 7, {"count": 3}))
    value = parts.telemetry.registry.get_sample_value
    for kind in ("gap", "not_finite"):
        assert value("streamtrack_events_total", {"stream": "cam", "kind": kind}) == 2
    assert "object 7 on 3 frame(s)" in caplog.text
