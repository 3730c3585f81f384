from __future__ import annotations

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Slot
from streamtrack.frame import EventKind, ObjectMask, ObjectState
from streamtrack.tracking.tracked_object import TrackedObject

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
