from __future__ import annotations

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Slot
from streamtrack.engine.found import Found
from streamtrack.frame import EventKind, ObjectMask, ObjectState
from streamtrack.tracking.memory_rules import Circumstances, MemoryRules
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.tracked_object import TrackedObject
from streamtrack.tracking.window_policy import ObjectWindow, WindowRules

SEEN = ObjectMask.from_mask(np.ones((4, 4), np.bool_), 1)
HIDDEN = ObjectMask.from_mask(np.zeros((4, 4), np.bool_), 1, object_score=0.0)
MS = 1_000_000


def tracked() -> TrackedObject:
    slot = Slot(0, 0, free_features=[], free_pointers=[])
    return TrackedObject(1, "car", slot, TrackingConfig(lost_after_ms=100, history_frames=4))


def test_unseen_frames_are_counted_and_few_of_them_told() -> None:
    one = tracked()
    assert [one.note_unseen(key) for key in range(9)] == [
        True,
        True,
        False,
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    assert one.not_finite.count == 9
    one.update_state(SEEN, 9, 0)
    assert one.not_finite.count == 0


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (SEEN, SEEN, EventKind.TRACKING),
        (SEEN, HIDDEN, EventKind.OCCLUDED),
        (HIDDEN, SEEN, EventKind.FOUND),
        (HIDDEN, HIDDEN, EventKind.LOST),
    ],
    ids=["seen, seen", "seen, hidden", "lost, seen", "lost, lost"],
)
def test_what_comes_after_unseen_frames_is_told(
    before: ObjectMask, after: ObjectMask, event: EventKind
) -> None:
    one = tracked()
    one.update_state(before, 0, 0)
    one.update_state(before, 1, 200 * MS)
    one.note_unseen(2)
    assert one.state_at(2) is ObjectState.UNSEEN
    assert one.update_state(after, 3, 210 * MS) is event


def test_states_are_kept_as_long_as_frames_and_the_one_before_them() -> None:
    one = tracked()
    for key in range(10):
        one.update_state(SEEN, key, key * MS)
    assert sorted(one._noted) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("windows", [True, False])
def test_who_is_hidden_rests_on_every_second_frame_once_that_lasts(windows: bool) -> None:
    slot = Slot(0, 0, free_features=[], free_pointers=[])
    window = ObjectWindow(WindowRules(), history=16) if windows else None
    memory = MemoryWatch(MemoryRules(), history=16)
    one = TrackedObject(1, "car", slot, TrackingConfig(history_frames=16), window, memory=memory)
    plain = TrackedObject(2, "car", slot, TrackingConfig(history_frames=16), window)

    def see(key: int, mask: ObjectMask) -> None:
        found = Found(np.zeros((4, 4), np.float32), mask.object_score, 0.9, finite=True)
        one.judge(found, mask, key, None, Circumstances())
        for each in (one, plain):
            each.note_window(mask, key, believed=True)
            each.update_state(mask, key, 0)

    resting = []
    for key in range(12):
        resting.append(one.rests(key))
        assert not plain.rests(key), "whose memory takes what comes is looked for on every frame"
        see(key, HIDDEN if key >= 3 else SEEN)
    assert [key for key, rests in enumerate(resting) if rests] == [6, 8, 10]
    see(12, SEEN)
    assert not one.rests(13)
    one.rewind_states(8)
    assert one.rests(8), "followed anew it rests where it did"
