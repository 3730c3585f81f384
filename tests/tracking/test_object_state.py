from __future__ import annotations

import pytest

from streamtrack.clock import NS_PER_MS
from streamtrack.frame import EventKind, ObjectState
from streamtrack.tracking.object_state import ObjectStateMachine, event_of_change


def test_hidden_object_is_occluded_then_lost_then_tracked_again() -> None:
    machine = ObjectStateMachine(uncertain_iou_score=0.5, lost_after_ms=1000)
    seen = [(0, True), (500, False), (1000, False), (1001, False), (1500, True)]
    states = [machine.update(visible=visible, iou_score=0.9, now_ns=ms * NS_PER_MS) for ms, visible in seen]
    assert states == [
        ObjectState.TRACKING,
        ObjectState.OCCLUDED,
        ObjectState.OCCLUDED,
        ObjectState.LOST,
        ObjectState.TRACKING,
    ]


def test_object_that_was_never_seen_has_its_time_too() -> None:
    machine = ObjectStateMachine(uncertain_iou_score=0.5, lost_after_ms=1000)
    assert machine.update(visible=False, iou_score=0, now_ns=70_000 * NS_PER_MS) is ObjectState.OCCLUDED
    assert machine.update(visible=False, iou_score=0, now_ns=71_001 * NS_PER_MS) is ObjectState.LOST


@pytest.mark.parametrize(("iou_score", "state"), [(0.5, ObjectState.TRACKING), (0.49, ObjectState.UNCERTAIN)])
def test_low_mask_quality_is_uncertain(iou_score: float, state: ObjectState) -> None:
    machine = ObjectStateMachine(uncertain_iou_score=0.5, lost_after_ms=1000)
    assert machine.update(visible=True, iou_score=iou_score, now_ns=0) is state


def test_wavering_estimate_is_not_news_at_every_frame() -> None:
    machine = ObjectStateMachine(uncertain_iou_score=0.5, lost_after_ms=1000)
    states = [
        machine.update(visible=True, iou_score=score, now_ns=0) for score in (0.55, 0.49, 0.55, 0.6, 0.5)
    ]
    tracking, uncertain = ObjectState.TRACKING, ObjectState.UNCERTAIN
    assert states == [tracking, uncertain, uncertain, tracking, tracking]


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (ObjectState.TRACKING, ObjectState.TRACKING, None),
        (ObjectState.TRACKING, ObjectState.OCCLUDED, EventKind.OCCLUDED),
        (ObjectState.OCCLUDED, ObjectState.TRACKING, EventKind.TRACKING),
        (ObjectState.OCCLUDED, ObjectState.LOST, EventKind.LOST),
        (ObjectState.LOST, ObjectState.UNCERTAIN, EventKind.FOUND),
        (ObjectState.LOST, ObjectState.TRACKING, EventKind.FOUND),
        (ObjectState.TRACKING, ObjectState.UNCERTAIN, EventKind.UNCERTAIN),
    ],
)
def test_change_of_state_is_told(before: ObjectState, after: ObjectState, event: EventKind | None) -> None:
    assert event_of_change(before, after) is event
