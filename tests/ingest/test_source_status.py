from __future__ import annotations

import pytest

from streamtrack.errors import SourceError
from streamtrack.ingest.source_status import FINAL_STATES, SourceState, SourceStatus


@pytest.mark.parametrize("final", sorted(FINAL_STATES))
def test_first_final_state_stays(final: SourceState) -> None:
    status = SourceStatus()
    assert status.finish(final, "why")

    assert not status.come_online()
    assert status.go_offline("other") is None
    assert not status.finish(SourceState.STOPPED)
    assert (status.state, status.last_error) == (final, "why")


def test_same_trouble_is_news_once() -> None:
    status = SourceStatus()

    assert [status.go_offline(why) for why in ("refused", "refused", "silent")] == [True, False, True]
    assert status.come_online()
    assert status.last_error is None
    assert status.go_offline("silent")


def test_only_what_has_ended_begins_again() -> None:
    status = SourceStatus()
    with pytest.raises(SourceError, match="source cam is connecting, expected"):
        status.begin_again("cam")
    status.finish(SourceState.ENDED)

    status.begin_again("cam")

    assert status.state is SourceState.CONNECTING


def test_why_no_frame_came_yet_is_noted_until_one_comes() -> None:
    status = SourceStatus()
    status.note("no keyframe")
    assert (status.state, status.last_error) == (SourceState.CONNECTING, "no keyframe")
    status.come_online()
    status.note("no keyframe")

    assert status.last_error is None
