"""Which finds become objects, on finds and masks made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from streamtrack.clock import NS_PER_MS
from streamtrack.config import DetectorAutoprompt
from streamtrack.detect import Box, Detection
from streamtrack.detect.start_policy import KNOWN_APART, MAX_PLACES, MEETING_LOOKS, Autoprompter, Plan, covers
from streamtrack.frame import ObjectMask, ObjectState, masks_iou

PERSON: Box = (100, 50, 160, 200)
FAR_PERSON: Box = (400, 60, 450, 200)
STEP_MS = 400


def find(box: Box = PERSON, name: str = "person", score: float = 0.7) -> Detection:
    return Detection(name, score, box)


def shifted(box: Box, x: float) -> Box:
    return (box[0] + x, box[1], box[2] + x, box[3])


def mask_in(box: Box, object_id: int = 1, share: float = 0.6) -> ObjectMask:
    """A mask of the box's full height that fills this share of it."""
    mask = np.zeros((300, 640), np.bool_)
    x0, y0, x1, y1 = map(int, box)
    mask[y0:y1, x0 : x0 + round((x1 - x0) * share)] = True
    return ObjectMask.from_mask(mask, object_id)


class Stream:
    """A prompter whose detections come every STEP_MS, and whose plans are carried out."""

    def __init__(self, **config: Any) -> None:
        self.prompter = Autoprompter(
            DetectorAutoprompt.model_validate({"classes": ["person", "car", "truck"], **config})
        )
        self.now_ms = 0
        self.next_id = 1

    def see(self, *finds: Detection, objects: Mapping[int, ObjectMask] | None = None) -> Plan:
        self.now_ms += STEP_MS
        plan = self.prompter.plan(finds, objects or {}, self.now_ms * NS_PER_MS)
        for _ in plan.starts:
            self.prompter.started(self.next_id, self.now_ms * NS_PER_MS)
            self.next_id += 1
        for object_id, _ in plan.ends:
            self.prompter.ended(object_id)
        return plan

    def with_own_object(self, box: Box = PERSON) -> dict[int, ObjectMask]:
        while not self.see(find(box)).starts:
            pass
        return {1: mask_in(box)}


def test_object_starts_when_seen_in_a_row_and_as_often_as_asked() -> None:
    stream = Stream(confirmations=3)
    assert not stream.see(find()).starts
    assert not stream.see(find()).starts
    assert stream.see(find()).starts == (find(),)


def test_find_that_moves_by_less_than_its_size_is_the_same_one() -> None:
    stream = Stream()
    stream.see(find())
    assert stream.see(find(shifted(PERSON, 140))).starts
    stream = Stream()
    stream.see(find())
    assert not stream.see(find(shifted(PERSON, 160))).starts


def test_find_that_was_missed_once_counts_anew() -> None:
    stream = Stream()
    stream.see(find())
    stream.see()
    assert not stream.see(find()).starts


@pytest.mark.parametrize(
    "unfit",
    [find(name="dog"), find(score=0.44), find((100, 50, 123, 200))],
    ids=["class", "score", "size"],
)
def test_unfit_find_starts_nothing(unfit: Detection) -> None:
    stream = Stream(confirmations=1)
    assert stream.see(unfit) == Plan()


def test_one_thing_of_two_classes_starts_once_as_the_surer() -> None:
    stream = Stream(confirmations=1)
    van, same = find(name="truck", score=0.6), find(shifted(PERSON, 5), "car", 0.5)
    assert stream.see(van, same).starts == (van,)


@pytest.mark.parametrize(("share", "starts"), [(0.6, False), (0.36, False), (0.2, False), (0.08, True)])
def test_box_that_an_objects_mask_covers_starts_nothing(share: float, starts: bool) -> None:
    # At 0.2 the mask fills little of the box but lies in it whole; at 0.08 it is something that they carry.
    stream = Stream(confirmations=1)
    assert bool(stream.see(find(), objects={7: mask_in(PERSON, 7, share)}).starts) is starts


def test_neighbour_whose_mask_reaches_into_the_box_does_not_cover_it() -> None:
    assert not covers(mask_in(shifted(PERSON, -50), share=1.0), PERSON)
    assert not covers(ObjectMask.from_mask(np.zeros((300, 640), np.bool_), 1), PERSON)


def test_starts_stop_at_the_cap_and_what_waits_is_counted() -> None:
    stream = Stream(confirmations=1, max_objects=1)
    plan = stream.see(find(), find(FAR_PERSON, score=0.6))
    assert (plan.starts, plan.held_at_cap) == ((find(),), 1)
    plan = stream.see(find(), find(FAR_PERSON, score=0.6), objects={1: mask_in(PERSON)})
    assert (plan.starts, plan.held_at_cap) == ((), 1)
    # The first one is gone from the stream: there is room again.
    assert stream.see(find(FAR_PERSON)).starts


def test_one_detection_starts_two_objects_at_most_and_the_next_the_rest() -> None:
    stream = Stream(confirmations=1)
    finds = [find(shifted(PERSON, 150 * index)) for index in range(3)]
    assert len(stream.see(*finds).starts) == 2
    objects = {1: mask_in(finds[0].box, 1), 2: mask_in(finds[1].box, 2)}
    assert stream.see(*finds, objects=objects).starts == (finds[2],)


def test_own_object_that_no_detection_meets_ends() -> None:
    stream = Stream(remove_unconfirmed_after_ms=1000)
    objects = stream.with_own_object()
    assert not stream.see(find(), objects=objects).ends
    assert not stream.see(objects=objects).ends
    assert not stream.see(objects=objects).ends
    assert stream.see(objects=objects).ends == ((1, "unconfirmed"),)


def test_uncertain_object_that_nothing_meets_ends_twice_as_soon_and_a_lost_one_is_waited_for() -> None:
    config = {"remove_unconfirmed_after_ms": 2000, "remove_lost_after_ms": 4000}
    stream = Stream(**config)
    unsure = {1: replace(stream.with_own_object()[1], state=ObjectState.UNCERTAIN)}
    assert [bool(stream.see(objects=unsure).ends) for _ in range(3)] == [False, False, True]
    stream = Stream(**config)
    objects = stream.with_own_object()
    lost = {1: replace(objects[1], state=ObjectState.LOST)}
    assert not any(stream.see(objects=lost).ends for _ in range(8))
    assert not stream.see(objects=objects).ends, "it is back, and has not been looked for yet"
    for _ in range(10):
        plan = stream.see(objects=lost)
    assert not plan.ends
    assert stream.see(objects=lost).ends == ((1, "lost"),)


def test_weak_find_keeps_an_object_that_it_would_not_start() -> None:
    stream = Stream(remove_unconfirmed_after_ms=500)
    objects = stream.with_own_object()
    assert not any(stream.see(find(score=0.3), objects=objects).ends for _ in range(5))


def test_own_object_that_was_lost_long_enough_ends_and_one_that_came_back_does_not() -> None:
    stream = Stream(remove_lost_after_ms=700, remove_unconfirmed_after_ms=None)
    objects = stream.with_own_object()
    lost = {1: replace(objects[1], state=ObjectState.LOST)}
    assert not stream.see(objects=lost).ends
    assert not stream.see(objects=lost).ends
    assert not stream.see(objects=objects).ends  # found again
    assert not stream.see(objects=lost).ends
    assert not stream.see(objects=lost).ends
    assert stream.see(objects=lost).ends == ((1, "lost"),)


def test_nothing_ends_where_that_is_turned_off() -> None:
    stream = Stream(remove_lost_after_ms=None, remove_unconfirmed_after_ms=None)
    lost = {1: replace(stream.with_own_object()[1], state=ObjectState.LOST)}
    assert not any(stream.see(objects=lost).ends for _ in range(200))


def test_younger_of_two_objects_that_follow_one_thing_ends() -> None:
    stream = Stream()
    stream.next_id = 5
    stream.with_own_object()
    objects = {3: mask_in(PERSON, 3), 5: mask_in(PERSON, 5)}
    assert stream.see(find(), objects=objects).ends == ((5, "duplicate"),)


def test_two_that_pass_each_other_are_not_one_at_once() -> None:
    stream = Stream()
    stream.next_id = 5
    stream.with_own_object()
    apart = {3: mask_in((300, 50, 360, 200), 3), 5: mask_in(PERSON, 5)}
    for _ in range(KNOWN_APART):
        assert not stream.see(find(), objects=apart).ends
    meeting = {3: mask_in(PERSON, 3), 5: mask_in(PERSON, 5)}
    for _ in range(MEETING_LOOKS - 1):
        assert not stream.see(find(), objects=meeting).ends
    assert stream.see(find(), objects=meeting).ends == ((5, "duplicate"),)


def test_objects_of_people_never_end() -> None:
    stream = Stream(remove_lost_after_ms=0, remove_unconfirmed_after_ms=0)
    by_hand = {1: replace(mask_in(PERSON), state=ObjectState.LOST), 2: mask_in(PERSON, 2)}
    assert not any(stream.see(objects=by_hand).ends for _ in range(10))
    stream = Stream(remove_unconfirmed_after_ms=0)
    objects = stream.with_own_object()
    stream.prompter.corrected_by_hand(1)
    assert not stream.see(objects=objects).ends


def test_what_left_over_the_border_ends_soon_where_that_is_asked_for() -> None:
    inside, outside = mask_in(PERSON), mask_in((0, 60, 40, 200))
    gone = ObjectMask.from_mask(np.zeros((300, 640), np.bool_), 1, state=ObjectState.OCCLUDED)
    for last, limit_ms, expected in ((outside, 2 * STEP_MS, ["left"]), (outside, None, []), (inside, 0, [])):
        stream = Stream(remove_left_after_ms=limit_ms)
        stream.with_own_object()
        assert not stream.see(objects={1: last}).ends
        ends = [reason for _ in range(4) for _, reason in stream.see(objects={1: gone}).ends]
        assert ends == expected
    stream = Stream(remove_left_after_ms=2 * STEP_MS)
    stream.with_own_object()
    ends = [reason for _ in range(4) for _, reason in stream.see(objects={1: gone}).ends]
    assert ends == ["left"], "it was never seen"
    stream = Stream(remove_left_after_ms=2 * STEP_MS)
    stream.with_own_object()
    for _ in range(4):  # it is seen again and again
        assert not stream.see(objects={1: outside}).ends
        assert not stream.see(objects={1: gone}).ends


def test_what_someone_removed_stays_removed_while_it_is_in_sight_and_a_while_longer() -> None:
    stream = Stream(confirmations=1, cooldown_ms=1000)
    stream.with_own_object()
    stream.prompter.removed_by_hand(1, PERSON, stream.now_ms * NS_PER_MS)
    for step in range(20):  # it walks on slowly, for longer than the cool-down
        assert not stream.see(find(shifted(PERSON, 10 * step))).starts
    for _ in range(3):
        stream.see()
    assert stream.see(find(shifted(PERSON, 190))).starts


def test_places_of_removals_are_bounded() -> None:
    stream = Stream(confirmations=1)
    for index in range(3 * MAX_PLACES):
        stream.prompter.removed_by_hand(index, shifted(PERSON, 100 * index), stream.now_ms * NS_PER_MS)
    assert stream.see(find()).starts  # the oldest is forgotten
    assert not stream.see(find(shifted(PERSON, 100 * (3 * MAX_PLACES - 1)))).starts


def test_overlap_of_masks_is_of_their_pixels() -> None:
    whole, half = mask_in(PERSON, share=1.0), mask_in(PERSON, share=0.5)
    assert masks_iou(whole, half) == pytest.approx(0.5)
    assert masks_iou(whole, mask_in(FAR_PERSON)) == 0.0
