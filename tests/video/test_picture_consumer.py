"""What the annotated picture makes of updates."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.frame import Event, EventKind, Update
from streamtrack.video.picture_consumer import PictureConsumer
from tests.support.video import result


class Shown:
    """As much of a picture as the consumer calls."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.online: bool | None = None

    def push(self, shown: Any) -> None:
        self.frames.append(shown.frame_idx)

    def set_online(self, online: bool) -> None:
        self.online = online


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def consumer(shown: Shown) -> PictureConsumer:
    video: Any = shown
    return PictureConsumer(video)


def events(*found: Event) -> Update:
    return Update("cam", None, events=found)


def test_viewers_come_back_later_while_the_camera_is_away(consumer: PictureConsumer, shown: Shown) -> None:
    consumer.take(Update("cam", result(0, {})))
    assert (shown.frames, shown.online) == ([0], True)
    consumer.take(events(Event(EventKind.SOURCE_LOST, 0)))
    assert shown.online is False
    consumer.take(Update("cam", result(0, {}), revises=True))
    assert (shown.frames, shown.online) == ([0, 0], False), "the old picture, with what was clicked on it"
    consumer.take(Update("cam", result(1, {})))
    assert shown.online is True


@pytest.mark.parametrize("kind", [EventKind.PAUSED, EventKind.LOST, EventKind.FROZEN])
def test_what_happens_to_objects_or_by_hand_sends_nobody_away(
    consumer: PictureConsumer, shown: Shown, kind: EventKind
) -> None:
    consumer.take(Update("cam", result(0, {}), events=(Event(kind, 0),)))
    consumer.take(events(Event(EventKind.FAILED, 0, None, {"consumer": "masks"})))
    assert shown.online is True


def test_frame_that_was_on_its_way_while_the_camera_went_brings_nobody_back(shown: Shown) -> None:
    video: Any = shown
    states = iter(("offline", "connecting", "online"))
    consumer = PictureConsumer(video, lambda: next(states))
    consumer.take(events(Event(EventKind.SOURCE_LOST, 0)))
    consumer.take(Update("cam", result(1, {})))
    consumer.take(Update("cam", result(2, {})))
    assert (shown.frames, shown.online) == ([1, 2], False)
    consumer.take(Update("cam", result(3, {})))
    assert shown.online is True
