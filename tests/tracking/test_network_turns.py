"""Sessions in which the network looks at some objects a frame and flow carries the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import TrackingConfig
from streamtrack.engine.drift import Drift
from streamtrack.engine.preprocess import as_frame
from streamtrack.frame import BoolMask, FrameResult, Image, ObjectState
from streamtrack.scenes.scene import make_scene, prompts_from_masks
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.mask_drift import MaskDrift
from tests.support.colour_family import coloured_shapes
from tests.support.memories import make_colour

pytestmark = pytest.mark.tracks

FRAMES = 24
CENTRES = ((60, 50), (230, 130), (60, 130), (240, 40))
"""Of the four shapes on the first frame."""
Scene = Sequence[tuple[Image, Sequence[BoolMask]]]


@pytest.fixture(scope="module")
def colour() -> Tracker:
    return make_colour()


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Four shapes that drift, over a ground whose texture flow can hold on to."""
    rng = np.random.default_rng(1)
    grain = rng.integers(-14, 14, (180, 300, 1))
    return [
        (np.asarray(np.clip(image + grain, 0, 255), np.uint8), masks)
        for image, masks in coloured_shapes(FRAMES)
    ]


def begun(tracker: Tracker, **keys: Any) -> Session:
    """A session with the four shapes, ids 1 to 4."""
    config = {"history_frames": 12, "max_objects": 6, "max_conditioning_frames": 8, **keys}
    session = tracker.new_session(TrackingConfig.model_validate(config))
    for place, centre in enumerate(CENTRES, start=1):
        session.add(place, points=[centre])
    return session


def stepped(session: Session, scene: Scene, frames: int = FRAMES) -> list[FrameResult]:
    return [session.step(image) for image, _ in scene[session.newest_frame_idx + 1 : frames]]


def looked_at(result: FrameResult) -> set[int]:
    return {object_id for object_id, one in result.objects.items() if not one.carried_frames}


def shown(result: FrameResult) -> dict[int, tuple[Any, ...]]:
    return {
        object_id: (one.mask.tobytes(), one.state, one.carried_frames, one.object_score, one.iou_score)
        for object_id, one in result.objects.items()
    }


def iou(found: BoolMask, truth: BoolMask) -> float:
    return float((found & truth).sum() / (found | truth).sum())


# -- who is looked at ------------------------------------------------------------------------------


def test_as_many_turns_as_objects_are_what_all_is(colour: Tracker, scene: Scene) -> None:
    exact, same = stepped(begun(colour), scene, 8), stepped(begun(colour, objects_per_step=4), scene, 8)
    assert [shown(one) for one in same] == [shown(one) for one in exact]
    assert all(looked_at(one) == {1, 2, 3, 4} for one in exact)


@pytest.mark.parametrize(("per_step", "most"), [(1, 8), (2, 3), (3, 1)])
def test_so_many_are_looked_at_and_nobody_waits_longer(
    colour: Tracker, scene: Scene, per_step: int, most: int
) -> None:
    session = begun(colour, objects_per_step=per_step, max_carried_frames=most)
    results = stepped(session, scene)
    assert looked_at(results[0]) == {1, 2, 3, 4}
    assert all(len(looked_at(one)) == per_step for one in results[1:])
    assert max(found.carried_frames for one in results for found in one.objects.values()) <= most


def test_more_objects_than_turns_are_carried_for_longer_than_is_asked(colour: Tracker, scene: Scene) -> None:
    results = stepped(begun(colour, objects_per_step=1, max_carried_frames=1), scene)
    assert {found.carried_frames for one in results for found in one.objects.values()} == {0, 1, 2, 3}


def test_carried_masks_lie_on_their_objects(colour: Tracker, scene: Scene) -> None:
    for result, (_, truth) in zip(stepped(begun(colour, objects_per_step=1), scene), scene, strict=True):
        for object_id, one in result.objects.items():
            assert iou(one.mask, truth[object_id - 1]) > 0.8
            assert one.state is ObjectState.TRACKING


def test_new_object_is_looked_at_at_once_and_on_the_next_frames(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1)
    stepped(session, scene, 6)
    session.remove(3)
    stepped(session, scene, 7)
    session.add(7, points=[(60, 130 - 7)])
    [result] = stepped(session, scene, 8)
    assert 7 in looked_at(result)
    assert len(looked_at(result)) == 2


def test_corrected_object_is_looked_at_at_once(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1)
    [*_, newest] = stepped(session, scene, 6)
    carried = max(newest.objects.values(), key=lambda one: one.carried_frames)
    assert carried.carried_frames
    x, y = carried.centroid or (0, 0)
    corrected = session.correct(carried.object_id, points=[(x, y)])
    assert corrected.objects[carried.object_id].carried_frames == 0
    [following] = stepped(session, scene, 7)
    assert following.objects[carried.object_id].carried_frames <= 1


@pytest.mark.parametrize("why", ["gap", "size", "whole after damage"])
def test_where_nothing_can_be_carried_everybody_is_looked_at(colour: Tracker, scene: Scene, why: str) -> None:
    session = begun(colour, objects_per_step=1)
    stepped(session, scene, 5)
    image = scene[5][0]
    if why == "gap":
        session.note_gap()
    elif why == "size":
        image = np.ascontiguousarray(image[:, :-20])
    else:
        smeared = as_frame(image, 5, SYSTEM_CLOCK)
        object.__setattr__(smeared, "damaged", True)
        assert len(looked_at(session.step(smeared))) == 1
    assert looked_at(session.step(image)) == {1, 2, 3, 4}


def test_object_whose_mask_flow_leaves_empty_is_occluded(
    colour: Tracker, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begun(colour, objects_per_step=1)
    stepped(session, scene, 2)
    gone = Drift(0, 0, np.zeros((1, 1, 2), np.float32))
    monkeypatch.setattr(MaskDrift, "carry", lambda self, logits, view, *_: (logits - 99, view, gone))
    [result] = stepped(session, scene, 3)
    carried = [one for one in result.objects.values() if one.carried_frames]
    assert [(one.area_px, one.state) for one in carried] == [(0, ObjectState.OCCLUDED)] * 3
    # Nobody looked: no state has changed, and none is told.
    assert not result.events


# -- what is kept ----------------------------------------------------------------------------------


def test_kept_frame_is_told_again_as_it_was(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1)
    results = stepped(session, scene)
    for result in results[session.oldest_frame_idx :]:
        assert shown(session.result(result.frame_idx)) == shown(result)


@pytest.mark.parametrize("windows", ["off", 2.0])
@pytest.mark.parametrize("memory", ["recent", "distractor_aware"])
def test_prompt_taken_back_leaves_nothing(
    colour: Tracker, scene: Scene, windows: str | float, memory: str
) -> None:
    keys = {"objects_per_step": 1, "window": windows, "memory": memory}
    plain, changed = begun(colour, **keys), begun(colour, **keys)
    [*_, newest] = stepped(plain, scene, 12)
    stepped(changed, scene, 12)
    # On the newest frame, on an older one that it was carried to, and on one that it was looked at on.
    for frame_idx, carried in ((11, True), (7, True), (7, False)):
        there = plain.result(frame_idx).objects
        object_id = next(key for key, one in there.items() if bool(one.carried_frames) is carried)
        x, y = there[object_id].centroid or (0, 0)
        changed.correct(object_id, points=[(x + 4, y)], at_frame=frame_idx)
        changed.undo(object_id)
        assert shown(changed.result()) == shown(newest)
    assert [shown(one) for one in stepped(changed, scene, 18)] == [
        shown(one) for one in stepped(plain, scene, 18)
    ]


def test_correction_on_a_past_frame_carries_where_it_was_carried(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1)
    stepped(session, scene, 12)
    was = {index: session.result(index).objects[2].carried_frames for index in range(4, 12)}
    x, y = session.result(4).objects[2].centroid or (0, 0)
    session.correct(2, points=[(x, y)], at_frame=4)
    now = {index: session.result(index).objects[2].carried_frames for index in range(4, 12)}
    assert now[4] == 0
    assert {index for index in now if now[index]} == {index for index in was if was[index]} - {4}
    assert all(now[index] <= was[index] for index in now)
    assert iou(session.result().objects[2].mask, scene[11][1][1]) > 0.8


def test_mask_that_is_not_kept_any_more_is_carried_on(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1, history_frames=2, max_carried_frames=20)
    results = stepped(session, scene)
    assert max(one.carried_frames for result in results for one in result.objects.values()) > 2
    for object_id, one in results[-1].objects.items():
        assert iou(one.mask, scene[-1][1][object_id - 1]) > 0.7


def test_bytes_stay_what_they_were(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=2)
    stepped(session, scene, 2)
    num_bytes = session.num_bytes
    stepped(session, scene)
    assert session.num_bytes == num_bytes
    assert num_bytes > begun(colour).num_bytes


def test_where_masks_had_gone_is_kept_of_one_frame_an_object(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1)
    stepped(session, scene)
    for tracked in session._tracks.by_id.values():
        assert len(tracked.slot.carried) > 4
        assert len(tracked.slot.left_out) <= 12
        assert sum(one.drift is not None for one in tracked.slot.carried.values()) == 1


# -- with the rest ---------------------------------------------------------------------------------


def test_between_key_frames_the_count_goes_on(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1, keyframe_interval=2, max_carried_frames=8)
    results = stepped(session, scene)
    for before, after in pairwise(results):
        for object_id, one in after.objects.items():
            assert one.carried_frames in (0, before.objects[object_id].carried_frames + 1)
    assert all(len(looked_at(one)) == (after % 2 == 0) for after, one in enumerate(results) if after)
    for object_id, one in results[-1].objects.items():
        assert iou(one.mask, scene[-1][1][object_id - 1]) > 0.7


def test_object_that_came_as_a_file_is_looked_at_on_its_first_frame(colour: Tracker, scene: Scene) -> None:
    session = begun(colour, objects_per_step=1)
    [*_, newest] = stepped(session, scene, 8)
    carried = next(key for key, one in newest.objects.items() if one.carried_frames)
    memory = session.export_object(carried)
    session.remove(carried)
    session.add(9, memory=memory)
    [result] = stepped(session, scene, 9)
    assert 9 in looked_at(result)
    assert iou(result.objects[9].mask, scene[8][1][carried - 1]) > 0.9


def test_merged_and_parted_again_objects_are_what_they_were(colour: Tracker, scene: Scene) -> None:
    plain, changed = (begun(colour, objects_per_step=1) for _ in range(2))
    stepped(plain, scene, 10)
    stepped(changed, scene, 10)
    changed.merge(1, 2)
    changed.undo()
    assert shown(changed.result()) == shown(plain.result())


def test_nano_with_windows_carries_and_finds_again(small_nano: Tracker) -> None:
    source = make_scene("many?width=480&height=270")
    rendered = [source.render(index) for index in range(10)]
    keys = {"objects_per_step": 2, "max_objects": 6, "max_carried_frames": 2}
    session = small_nano.new_session(TrackingConfig.model_validate(keys))
    chosen = {key: mask for key, mask in rendered[0][1].items() if key <= 6}
    for prompt in prompts_from_masks(chosen):
        session.add(prompt.object_id, box=prompt.box)
    results = [session.step(image) for image, _ in rendered]
    fits = [iou(one.mask, rendered[-1][1][key]) for key, one in results[-1].objects.items()]
    assert np.mean(fits) > 0.7
    assert all(len(looked_at(one)) == 2 for one in results[1:])
