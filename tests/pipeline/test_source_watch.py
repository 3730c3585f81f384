"""A camera's doings as events, by a source and a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.clock import FakeClock
from streamtrack.frame import EventKind, SourceNotice
from streamtrack.ingest import SourceState
from streamtrack.pipeline.source_watch import SourceWatch


class Camera:
    """As much of a source as the watch looks at."""

    def __init__(self) -> None:
        self.state = SourceState.CONNECTING
        self.last_error: str | None = None
        self.notices: list[SourceNotice] = []

    def take_notices(self) -> tuple[SourceNotice, ...]:
        taken, self.notices = tuple(self.notices), []
        return taken


class Watched:
    """A camera, its watch, and what that told."""

    def __init__(self) -> None:
        self.camera, self.clock = Camera(), FakeClock()
        source: Any = self.camera
        self.watch = SourceWatch(source, self.clock)

    def goes(self, state: SourceState, error: str | None = None) -> list[EventKind]:
        self.camera.state, self.camera.last_error = state, error
        return [event.kind for event in self.watch.news(7)]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_loss_is_told_once_with_its_reason_and_the_absence_is_measured(watched: Watched) -> None:
    assert watched.goes(SourceState.ONLINE) == []
    assert watched.watch.away_s is None
    watched.camera.state, watched.camera.last_error = SourceState.OFFLINE, "no answer"
    (lost,) = watched.watch.news(7)
    assert (lost.kind, lost.frame_idx, lost.object_id) == (EventKind.SOURCE_LOST, 7, None)
    assert lost.detail == {"reason": "no answer"}
    watched.clock.advance_ms(12_000)
    assert watched.goes(SourceState.OFFLINE, "refused") == [], "the next try fails as well"
    assert watched.watch.away_s == pytest.approx(12)
    assert watched.goes(SourceState.ONLINE) == []
    assert watched.watch.away_s is None
    assert watched.watch.was_away_s == pytest.approx(12)
    assert watched.goes(SourceState.FAILED) == [EventKind.SOURCE_LOST]


def test_camera_that_is_off_at_the_start_is_told(watched: Watched) -> None:
    assert watched.goes(SourceState.OFFLINE, "refused") == [EventKind.SOURCE_LOST]


def test_end_of_a_file_is_no_loss(watched: Watched) -> None:
    watched.goes(SourceState.ONLINE)
    assert watched.goes(SourceState.ENDED) == []
    assert watched.watch.away_s is None


def test_notices_of_the_ingest_become_events_and_a_loss_is_not_told_twice(watched: Watched) -> None:
    watched.goes(SourceState.ONLINE)
    watched.camera.notices = [SourceNotice(EventKind.SIZE_CHANGED, {"size": [320, 240]})]
    (changed,) = watched.watch.news(7)
    assert (changed.kind, changed.detail) == (EventKind.SIZE_CHANGED, {"size": [320, 240]})
    watched.camera.notices = [SourceNotice(EventKind.SOURCE_LOST)]
    assert watched.goes(SourceState.OFFLINE) == [EventKind.SOURCE_LOST]
    watched.goes(SourceState.ONLINE)
    # So short an absence that nobody saw its state.
    watched.camera.notices = [SourceNotice(EventKind.SOURCE_LOST, {"reason": "reset"})]
    assert watched.goes(SourceState.ONLINE) == [EventKind.SOURCE_LOST]
