from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from streamtrack.errors import FrameExpiredError, PromptError
from streamtrack.frame import EventKind, Frame
from streamtrack.tracking.event_log import EventLog
from streamtrack.tracking.frame_log import FrameLog


def frame(*, damaged: bool = False) -> Frame:
    return Frame(np.zeros((4, 6, 3), np.uint8), 0, None, Fraction(1), 0, 0, damaged=damaged)


def filled(num_frames: int, interval: int, history: int = 4) -> FrameLog:
    log = FrameLog(history)
    for index in range(num_frames):
        log.append(frame(), is_key=index % interval == 0)
    return log


def test_keys_count_what_the_network_saw() -> None:
    log = filled(8, interval=3)
    assert (log.newest_frame_idx, log.oldest_frame_idx, log.next_key) == (7, 4, 3)
    assert [(log.at(index).key, log.at(index).key_frame_idx) for index in range(4, 8)] == [
        (1, 3),
        (1, 3),
        (2, 6),
        (2, 6),
    ]
    assert log.distance_from_key == 2


def test_frames_that_are_not_kept_are_refused() -> None:
    with pytest.raises(PromptError, match="no frame was tracked yet"):
        FrameLog(4).at(0)
    with pytest.raises(FrameExpiredError, match="expected a kept frame from 4 to 7"):
        filled(8, interval=1).at(3)


def test_only_spared_keys_are_remembered_for_good() -> None:
    log = filled(40, interval=2)
    log.forget_keys({0, 7})
    assert [log.frame_idx_of(key) for key in (0, 7, 8, 15, 16, 19)] == [0, 14, -1, -1, 32, 38]


def test_carried_frames_know_whether_their_key_frame_came_damaged() -> None:
    log = FrameLog(4)
    log.append(frame(damaged=True), is_key=True)
    assert log.append(frame(), is_key=False).key_damaged
    assert not log.append(frame(), is_key=True).key_damaged


def test_events_name_frames_of_the_session() -> None:
    log = filled(8, interval=3)
    events = EventLog(log)
    events.report(EventKind.CONDITIONING_EVICTED, 2, 5, evicted_frame_idx=1)
    events.note(EventKind.GAP)
    first, second = events.take()
    assert (first.frame_idx, first.object_id, dict(first.detail)) == (6, 5, {"evicted_frame_idx": 3})
    assert (second.frame_idx, second.object_id) == (7, None)
    assert events.take() == ()
