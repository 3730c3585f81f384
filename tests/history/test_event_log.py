"""The log of events: searched, paged, bounded, and never lost to a damaged file without a word."""

from __future__ import annotations

import base64
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import ArchiveConfig
from streamtrack.errors import ArchiveError, ConfigError
from streamtrack.frame import Event, EventKind, Frame, FrameResult, ObjectMask, StageTimes, Update
from streamtrack.history.event_log import FILE, EventLog, read_log
from streamtrack.history.history_consumer import HistoryConsumer
from streamtrack.history.kept_event import EventQuery, NewEvent
from tests.support.recordings import frame as frame_of

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(wall_ns=START_MS * 1_000_000)


@pytest.fixture
def log(tmp_path: Path, clock: FakeClock) -> Iterator[EventLog]:
    opened = EventLog(ArchiveConfig(folder=tmp_path, events_max=100, events_keep_days=1), clock)
    yield opened
    opened.close()


def new(number: int, **changes: object) -> NewEvent:
    kind = EventKind.CROSSED if number % 2 else EventKind.LOST
    event = Event(kind, number, number % 3, {"rule": "gate" if number % 2 else "", "number": number})
    values = {"class_name": "person" if number % 4 else "car", "label": f"l{number % 5}", **changes}
    stream = "yard" if number % 5 == 0 else "cam"
    return NewEvent(START_MS + number * 1000, stream, event, **values)  # type: ignore[arg-type]


def numbers(log: EventLog, **query: object) -> list[int]:
    page = log.find(EventQuery(**{"limit": 1_000, **query}))  # type: ignore[arg-type]
    return [event.detail["number"] for event in page.events]


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({}, lambda n: True),
        ({"streams": ["yard"]}, lambda n: n % 5 == 0),
        ({"kinds": ["crossed"]}, lambda n: n % 2 == 1),
        ({"classes": ["car"]}, lambda n: n % 4 == 0),
        ({"labels": ["l1", "l2"]}, lambda n: n % 5 in (1, 2)),
        ({"rules": ["gate"]}, lambda n: n % 2 == 1),
        ({"object_ids": [2]}, lambda n: n % 3 == 2),
        ({"from_ms": START_MS + 10_000, "to_ms": START_MS + 20_000}, lambda n: 10 <= n < 20),
        (
            {"kinds": ["lost"], "streams": ["cam"], "object_ids": [0, 1]},
            lambda n: n % 2 == 0 and n % 5 and n % 3 < 2,
        ),
        ({"labels": ["' OR 1=1 --"]}, lambda n: False),
    ],
)
def test_events_are_found_by_what_they_are(log: EventLog, query: dict[str, object], keeps: object) -> None:
    log.add([new(number) for number in range(40)])
    expected = [number for number in range(39, -1, -1) if keeps(number)]  # type: ignore[operator]
    assert numbers(log, **query) == expected


def test_pages_hold_every_event_once_in_either_order(log: EventLog) -> None:
    log.add([new(number) for number in range(25)])
    for oldest_first, key in ((False, "before_id"), (True, "after_id")):
        found: list[int] = []
        place: dict[str, object] = {}
        while True:
            query = EventQuery(limit=10, oldest_first=oldest_first, **place)  # type: ignore[arg-type]
            page = log.find(query)
            found += [event.detail["number"] for event in page.events]
            if page.next_id is None:
                break
            place = {key: page.next_id}
        assert found == sorted(range(25), reverse=not oldest_first)


def test_log_outlives_its_process_and_is_read_beside_it(
    tmp_path: Path, log: EventLog, clock: FakeClock
) -> None:
    log.add([new(1)])
    assert [event.detail["number"] for event in read_log(tmp_path / FILE, EventQuery()).events] == [1]
    log.close()
    again = EventLog(ArchiveConfig(folder=tmp_path), clock)
    again.add([new(2)])
    assert numbers(again) == [2, 1]
    again.close()


def test_number_that_no_event_can_have_finds_none(log: EventLog) -> None:
    log.add([new(1)])
    assert numbers(log, object_ids=[1, 2**63]) == []
    assert numbers(log, object_ids=[-(2**200)]) == []


def test_detail_that_the_file_has_lost_is_nothing(tmp_path: Path, log: EventLog) -> None:
    log.add([new(1), new(2), new(3)])
    with closing(sqlite3.connect(tmp_path / FILE)) as base, base:
        base.execute("UPDATE events SET detail = '{' WHERE id = 1")
        base.execute("UPDATE events SET detail = '[1]' WHERE id = 2")
    assert [event.detail.get("number") for event in log.find(EventQuery()).events] == [3, None, None]


def test_texts_that_are_none_and_numbers_that_are_none_are_still_told(tmp_path: Path, log: EventLog) -> None:
    log.add([new(1)])
    with closing(sqlite3.connect(tmp_path / FILE)) as base, base:
        base.execute("UPDATE events SET label = CAST(x'ff41' AS TEXT), rule = x'fe', frame_idx = 'x'")
    (event,) = log.find(EventQuery()).events
    assert (event.label, event.rule, event.frame_idx) == ("\ufffdA", "\ufffd", 0)


def test_old_events_and_too_many_are_forgotten(log: EventLog, clock: FakeClock) -> None:
    log.add([new(number) for number in range(150)])
    log.tidy()
    assert numbers(log) == list(range(149, 49, -1))
    clock.advance_ms(DAY_MS + 120_000)
    log.tidy()
    assert numbers(log) == list(range(149, 119, -1))


@pytest.mark.parametrize("damage", ["begin", "middle", "text"])
def test_damaged_file_is_kept_aside_and_told_in_one_line(
    tmp_path: Path, log: EventLog, clock: FakeClock, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(90):
        log.add([new(number, thumbnail=bytes(3_000))])
    log.close()
    path = tmp_path / FILE
    data = bytearray(path.read_bytes())
    if damage == "begin":
        data[:200] = bytes(200)
    elif damage == "middle":
        data[4_096:] = bytes(len(data) - 4_096)
    else:
        data = bytearray(b"this is no database" * 100)
    path.write_bytes(data)
    with caplog.at_level(logging.ERROR):
        again = EventLog(ArchiveConfig(folder=tmp_path), clock)
        again.add([new(1)])
    assert numbers(again) == [1]
    again.close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "is damaged" in line
    assert "\n" not in line
    (aside,) = tmp_path.glob(f"{FILE}.damaged-*Z")
    assert aside.read_bytes() == bytes(data)


def test_file_of_a_newer_version_is_left_alone(tmp_path: Path, log: EventLog) -> None:
    log.close()
    base = sqlite3.connect(tmp_path / FILE)
    base.execute("PRAGMA user_version=7")
    base.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(ConfigError, match="schema is version 7, expected 1"):
        EventLog(ArchiveConfig(folder=tmp_path))
    assert (tmp_path / FILE).read_bytes() == before
    with pytest.raises(ArchiveError, match="version 7"):
        read_log(tmp_path / FILE, EventQuery())


def test_what_is_no_log_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="there is no log of events"):
        read_log(tmp_path / FILE, EventQuery())
    (tmp_path / FILE).write_bytes(b"something else, and long enough to look at" * 30)
    with pytest.raises(ArchiveError, match="cannot be read as a log"):
        read_log(tmp_path / FILE, EventQuery())


def result_of(frame: Frame, label: str) -> FrameResult:
    mask = np.zeros(frame.image.shape[:2], np.bool_)
    mask[20:60, 30:80] = True
    return FrameResult(0, frame, {4: ObjectMask.from_mask(mask, 4, label=label)}, StageTimes())


def test_consumer_keeps_class_label_and_picture_of_an_object(log: EventLog, clock: FakeClock) -> None:
    consumer = HistoryConsumer(log, 64, clock)
    result = result_of(frame_of(np.full((96, 160, 3), 80, np.uint8)), "ann")
    consumer.take(Update("cam", result, events=(Event(EventKind.ADDED, 0, 4, {"class": "person"}),)))
    consumer.take(Update("cam", None, events=(Event(EventKind.SOURCE_LOST, 0, None, {"reason": "gone"}),)))
    carried = base64.b64encode(b"its own picture").decode()
    crossed = Event(EventKind.CROSSED, 1, 4, {"rule": "gate", "thumbnail": carried})
    consumer.take(Update("cam", result, events=(crossed,)))
    consumer.take(Update("cam", None, events=(Event(EventKind.REMOVED, 2, 4),)))
    removed, crossing, lost, added = log.find(EventQuery()).events
    assert (added.class_name, added.label, added.has_thumbnail) == ("person", "ann", True)
    assert (crossing.class_name, crossing.label, crossing.rule) == ("person", "ann", "gate")
    assert "thumbnail" not in crossing.detail
    assert (lost.object_id, lost.detail, lost.has_thumbnail) == (None, {"reason": "gone"}, False)
    assert (removed.class_name, removed.label) == ("person", "ann")
    picture = log.thumbnail(added.id)
    assert picture is not None
    assert picture[:2] == b"\xff\xd8"
    assert log.thumbnail(crossing.id) == b"its own picture"
    assert log.thumbnail(lost.id) is log.thumbnail(99_999) is None


def test_label_that_is_a_class_stands_for_one(log: EventLog, clock: FakeClock) -> None:
    consumer = HistoryConsumer(log, 0, clock)
    result = result_of(frame_of(np.zeros((96, 160, 3), np.uint8)), "dog")
    consumer.take(Update("cam", result, events=(Event(EventKind.LOST, 0, 4),)))
    (event,) = log.find(EventQuery(classes=["dog"])).events
    assert event.has_thumbnail is False
