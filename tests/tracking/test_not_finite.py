"""Numbers that are none, and pictures that came damaged: reported, shown, and never remembered."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch

from streamtrack.clock import NS_PER_MS
from streamtrack.config import TrackingConfig
from streamtrack.errors import PromptError
from streamtrack.frame import BoolMask, EventKind, Frame, FrameResult, Image, ObjectState
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Session, Tracker
from tests.support.faulty_network import make_faulty

pytestmark = pytest.mark.tracks

CAR = (197.5, 126.5)
FPS = 15
MINDED = ("features", "mask", "score", "iou", "pointer", "memory")
"""Calls whose numbers are spoilt, one by one."""


@pytest.fixture(scope="module")
def scene() -> list[tuple[Image, BoolMask]]:
    source = make_scene("demo?width=320&height=180")
    return [(image, masks[1]) for image, masks in map(source.render, range(3 * FPS))]


def make_frame(image: Image, index: int, *, damaged: bool = False) -> Frame:
    now_ns = index * 1000 * NS_PER_MS // FPS
    return Frame(image, index, index, Fraction(1, FPS), now_ns, now_ns, damaged=damaged)


def iou(result: FrameResult, truth: BoolMask) -> float:
    found = result.objects[1].mask
    return float((found & truth).sum() / (found | truth).sum())


def kinds(results: Sequence[FrameResult]) -> list[EventKind]:
    return [event.kind for result in results for event in result.events]


def remembered(session: Session) -> set[int]:
    slot = session._tracks.by_id[1].slot
    return {*slot.features, *slot.pointers, *slot.conditioning}


def assert_bank_is_finite(session: Session) -> None:
    for tensor in session._follower._bank.tensors():
        assert torch.isfinite(tensor.float()).all()


def test_objects_are_back_at_once_after_a_second_without_numbers(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]]
) -> None:
    tracker, network = make_faulty(nano)
    session = tracker.new_session(TrackingConfig(lost_after_ms=500, history_frames=8))
    session.add(1, points=[CAR], label="car")
    results = []
    for index, (image, _) in enumerate(scene):
        network.faults = {"features"} if FPS <= index < 2 * FPS else set()
        results.append(session.step(make_frame(image, index)))
    bad, after = results[FPS : 2 * FPS], results[2 * FPS :]
    assert {result.objects[1].state for result in bad} == {ObjectState.UNSEEN}
    told = [event for result in bad for event in result.events]
    assert [(event.kind, event.detail["count"]) for event in told] == [
        (EventKind.NOT_FINITE, count) for count in (1, 2, 4, 8)
    ]
    # The mask of the last frame that was seen stands in, its scores say that nothing is known.
    np.testing.assert_array_equal(bad[-1].objects[1].mask, results[FPS - 1].objects[1].mask)
    assert (bad[-1].objects[1].object_score, bad[-1].objects[1].iou_score) == (0.0, 0.0)
    assert after[0].objects[1].state is ObjectState.TRACKING
    assert kinds(after) == [EventKind.TRACKING]
    truths = [truth for _, truth in scene[2 * FPS :]]
    assert np.mean([iou(result, truth) for result, truth in zip(after, truths, strict=True)]) > 0.8
    for result in results:
        one = result.objects[1]
        json.dumps([one.object_score, one.iou_score, one.centroid], allow_nan=False)


@pytest.mark.parametrize(
    ("fault", "value"), [*((fault, math.nan) for fault in MINDED), ("score", math.inf), ("memory", -math.inf)]
)
def test_no_number_that_is_none_enters_the_memory(
    fault: str, value: float, nano: Tracker, images: Sequence[Image]
) -> None:
    tracker, network = make_faulty(nano, value)
    session = tracker.new_session(TrackingConfig(history_frames=4))
    session.add(1, points=[(100, 80)])
    results = []
    for index, image in enumerate(images[:8]):
        network.faults = {fault} if index in (3, 4) else set()
        results.append(session.step(image))
        assert_bank_is_finite(session)
    states = [result.objects[1].state for result in results]
    assert states[3:5] == [ObjectState.UNSEEN] * 2
    assert ObjectState.UNSEEN not in states[:3] + states[5:]
    assert kinds(results).count(EventKind.NOT_FINITE) == 2
    assert remembered(session) == {0, 1, 2, 5, 6, 7}
    assert session.result(4).objects[1].state is ObjectState.UNSEEN


def test_other_objects_follow_as_if_nothing_had_been(nano: Tracker, images: Sequence[Image]) -> None:
    """One object's numbers fail in a shared pass; the other one's are the same as without it."""
    tracker, network = make_faulty(nano)
    whole = TrackingConfig(window="off")  # with windows each has a pass of its own
    session, alone = tracker.new_session(whole), nano.new_session(whole)
    alone.add(1, points=[(100, 80)])
    for object_id, points in ((1, [(100, 80)]), (2, [(190, 85)])):
        session.add(object_id, points=points)
    for index, image in enumerate(images[:10]):
        network.faults = {"score"} if index == 4 else set()  # the last of the batch
        found, expected = session.step(image), alone.step(image)
        assert found.objects[1].state is expected.objects[1].state
        assert found.objects[1].object_score == pytest.approx(expected.objects[1].object_score, abs=1e-3)
        assert (found.objects[2].state is ObjectState.UNSEEN) == (index == 4)


def test_first_prompt_waits_for_a_frame_with_numbers(nano: Tracker, images: Sequence[Image]) -> None:
    tracker, network = make_faulty(nano)
    session = tracker.new_session()
    session.add(1, points=[(100, 80)])
    network.faults = {"features"}
    results = [session.step(image) for image in images[:3]]
    assert session.pending_object_ids == (1,)
    assert [dict(result.objects) for result in results] == [{}, {}, {}]
    assert kinds(results) == [EventKind.NOT_FINITE] * 2
    network.faults = set()
    assert session.step(images[3]).objects[1].area_px > 0
    assert session.first_frame_of(1) == 3


def test_prompt_without_numbers_is_refused_and_changes_nothing(
    nano: Tracker, images: Sequence[Image]
) -> None:
    tracker, network = make_faulty(nano)
    session = tracker.new_session()
    session.add(1, points=[(100, 80)])
    for image in images[:5]:
        session.step(image)
    session.correct(1, points=[(60, 120)], labels=[0], at_frame=3)
    before, held = session.result(), remembered(session)
    session.take_events()
    network.faults = {"prompt"}
    for call in (session.correct, session.add):
        with pytest.raises(PromptError, match=r"^object \d: the network gave no finite numbers for frame 2"):
            call(1 if call == session.correct else 2, points=[(100, 80)], at_frame=2)
    assert session.object_ids == (1,)
    assert session.take_events() == ()
    assert remembered(session) == held
    np.testing.assert_array_equal(session.result().objects[1].mask, before.objects[1].mask)
    network.faults = set()
    session.add(2, points=[(190, 85)], at_frame=2)
    assert tuple(session.object_ids) == (1, 2)


def test_correction_replaces_a_frame_without_numbers(nano: Tracker, images: Sequence[Image]) -> None:
    tracker, network = make_faulty(nano)
    session = tracker.new_session()
    session.add(1, points=[(100, 80)])
    for index, image in enumerate(images[:6]):
        network.faults = {"score"} if index == 3 else set()
        session.step(image)
    corrected = session.correct(1, points=[(106, 80)], at_frame=3)
    assert corrected.objects[1].state is not ObjectState.UNSEEN
    assert remembered(session) == set(range(6))


def test_carried_frames_of_an_unseen_key_frame_are_unseen(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]]
) -> None:
    tracker, network = make_faulty(nano)
    session = tracker.new_session(TrackingConfig(keyframe_interval=2))
    session.add(1, points=[CAR])
    states = []
    for index, (image, _) in enumerate(scene[:8]):
        network.faults = {"score"} if index in (4, 5) else set()
        states.append(session.step(image).objects[1].state)
    assert states[4:6] == [ObjectState.UNSEEN] * 2
    assert states[6] is not ObjectState.UNSEEN


def test_damaged_frames_are_shown_and_never_remembered(
    nano: Tracker, scene: Sequence[tuple[Image, BoolMask]]
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, scene[0][0].shape, np.uint8)
    session, spared = nano.new_session(), nano.new_session()
    for one in (session, spared):
        one.add(1, points=[CAR])
    damaged = range(6, 14)
    for index, (image, _) in enumerate(scene[:18]):
        is_damaged = index in damaged
        result = session.step(make_frame(noise if is_damaged else image, index, damaged=is_damaged))
        assert result.objects.keys() == {1}
        if not is_damaged:
            expected = spared.step(make_frame(image, index))
    assert not remembered(session) & set(damaged)
    # As if they had never come, but for the age of the first prompt.
    found, without = result.objects[1], expected.objects[1]
    assert (found.mask & without.mask).sum() / (found.mask | without.mask).sum() > 0.99
    assert found.object_score == pytest.approx(without.object_score, abs=1e-3)


def test_prompts_wait_for_a_whole_frame_or_are_refused(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    session.add(1, points=[(100, 80)])
    first = session.step(make_frame(images[0], 0, damaged=True))
    assert (dict(first.objects), session.pending_object_ids) == ({}, (1,))
    session.step(make_frame(images[1], 1))
    assert session.first_frame_of(1) == 1
    session.step(make_frame(images[2], 2, damaged=True))
    for call in (session.correct, session.add):
        with pytest.raises(PromptError, match="frame 2 came damaged, expected a frame that is whole"):
            call(1 if call == session.correct else 2, points=[(100, 80)], at_frame=2)
    session.correct(1, points=[(102, 80)], at_frame=1)  # its replay meets the damaged frame again
    assert remembered(session) == {1}


def test_a_whole_frame_ends_what_was_carried_from_a_damaged_one(
    nano: Tracker, images: Sequence[Image]
) -> None:
    session = nano.new_session(TrackingConfig(keyframe_interval=4))
    session.add(1, points=[(100, 80)])
    for index, image in enumerate(images[:7]):
        session.step(make_frame(image, index, damaged=index == 4))
    # 0 with the prompt, 4 by its turn, 5 because 4 came damaged.
    assert [session._log.frame_idx_of(key) for key in range(session._log.next_key)] == [0, 4, 5]
