from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.config import TrackingConfig
from streamtrack.errors import CapacityError, FrameExpiredError, PromptError, ShapeError
from streamtrack.frame import Event, EventKind, FrameResult, Image, ObjectState
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Session, Tracker
from tests.support.pictures import SIZE, ellipse
from tests.support.reference import Found, snapshot

pytestmark = pytest.mark.tracks

FIRST: dict[str, Any] = {"points": [(100, 80)]}
"""A click on the ellipse that moves right."""


def run(session: Session, images: Sequence[Image]) -> FrameResult:
    result = None
    for image in images:
        result = session.step(image)
    assert result is not None
    return result


def assert_same(ours: Found, expected: Found) -> None:
    # The same sums in another batch: float32 rounding only.
    torch.testing.assert_close(ours.low_res_mask_logits, expected.low_res_mask_logits, atol=1e-3, rtol=0)
    torch.testing.assert_close(ours.object_pointer, expected.object_pointer, atol=1e-3, rtol=0)


def test_without_objects_a_step_gives_an_empty_result(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    result = session.step(images[0])
    assert (result.frame_idx, dict(result.objects)) == (0, {})
    assert session.newest_frame_idx == 0


def test_clicked_object_is_followed_where_it_goes(nano: Tracker) -> None:
    # The program's own scene: on objects of pure noise the mask's quality is luck.
    scene = make_scene("demo?width=320&height=180")
    session = nano.new_session()
    session.add(7, points=[(197.5, 126.5)], label="car")
    result = run(session, [scene.render(index)[0] for index in range(20)])
    found, truth = result.objects[7], scene.render(19)[1][1]
    iou = (found.mask & truth).sum() / (found.mask | truth).sum()
    assert found.label == "car"
    assert found.state is ObjectState.TRACKING
    assert found.mask.shape == SIZE
    assert found.area_px == found.mask.sum()
    assert iou > 0.8  # the shipped weights reach 0.92


def test_objects_do_not_see_each_other(small_nano: Tracker, images: Sequence[Image]) -> None:
    alone, together = small_nano.new_session(), small_nano.new_session()
    alone.add(1, **FIRST)
    together.add(5, box=(150, 50, 230, 120))
    together.add(1, **FIRST)
    for index, image in enumerate(images[:12]):
        if index == 6:
            together.add(9, points=[(60, 114)])
        if index == 9:
            together.remove(5)
        alone.step(image)
        together.step(image)
    assert_same(snapshot(together, 11)[11, 1], snapshot(alone, 11)[11, 1])


def test_prompt_on_a_past_frame_equals_one_that_came_in_time(
    small_nano: Tracker, images: Sequence[Image]
) -> None:
    in_time, late = small_nano.new_session(), small_nano.new_session()
    late.add(2, box=(150, 50, 230, 120))
    in_time.add(2, box=(150, 50, 230, 120))
    for index, image in enumerate(images[:24]):
        if index == 10:
            in_time.add(1, points=[(120, 80)])
        in_time.step(image)
        late.step(image)
    late.add(1, points=[(120, 80)], at_frame=10)
    for image in images[24:30]:
        in_time.step(image)
        late.step(image)
    for frame_idx in (15, 23, 29):
        assert_same(snapshot(late, frame_idx)[frame_idx, 1], snapshot(in_time, frame_idx)[frame_idx, 1])
        assert_same(snapshot(late, frame_idx)[frame_idx, 2], snapshot(in_time, frame_idx)[frame_idx, 2])


def test_past_correction_repeats_the_prompts_that_came_after_it(
    small_nano: Tracker, images: Sequence[Image]
) -> None:
    in_time, late = small_nano.new_session(), small_nano.new_session()
    for session in (in_time, late):
        session.add(1, **FIRST)
    for index, image in enumerate(images[:20]):
        in_time.step(image)
        late.step(image)
        if index == 8:
            in_time.correct(1, points=[(100, 70)], labels=[0])
        if index == 14:
            for session in (in_time, late):
                session.correct(1, points=[(130, 85)])
    late.correct(1, points=[(100, 70)], labels=[0], at_frame=8)
    in_time.step(images[20])
    late.step(images[20])
    for frame_idx in (8, 14, 20):
        assert_same(snapshot(late, frame_idx)[frame_idx, 1], snapshot(in_time, frame_idx)[frame_idx, 1])


def test_correction_changes_the_mask_and_stays_for_ever(small_nano: Tracker, images: Sequence[Image]) -> None:
    mended, plain = small_nano.new_session(), small_nano.new_session()
    for session in (mended, plain):
        session.add(1, **FIRST)
        run(session, images[:5])
    before = plain.result().objects[1].mask
    after = mended.correct(1, mask=ellipse((60, 116), (40, 35))).objects[1].mask
    assert (before ^ after).sum() > 500
    # Twenty frames later neither recent memories nor pointers reach back to it; the conditioning frame does
    # (sam2 issue 731).
    run(mended, images[5:25])
    run(plain, images[5:25])
    memory = mended._tracks.by_id[1].slot
    assert 4 in memory.conditioning
    reading = mended._follower._locator._plan.plan(memory.stored(25))
    assert [read.age for read in reading.pointers[:2]] == [25, 21]
    logits = [snapshot(session, 24)[24, 1].low_res_mask_logits for session in (mended, plain)]
    assert (logits[0] - logits[1]).abs().max() > 0.1


def test_points_on_one_frame_add_up(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    session.add(1, **FIRST)
    session.step(images[0])
    session.correct(1, points=[(60, 120)], labels=[0])
    session.correct(1, points=[(110, 85)])
    assert session._tracks.by_id[1].prompts.checked(0)[-1].labels.tolist() == [1, 0, 1]
    session.correct(1, box=(60, 55, 140, 105))
    assert session._tracks.by_id[1].prompts.checked(0)[-1].labels.tolist() == [2, 3]


def test_oldest_correction_but_never_the_first_prompt_is_evicted(
    small_nano: Tracker, images: Sequence[Image]
) -> None:
    session = small_nano.new_session(TrackingConfig(max_conditioning_frames=3))
    session.add(1, **FIRST)
    events: list[Event] = []
    for index, image in enumerate(images[:12]):
        events += session.step(image).events
        if index in (3, 5, 7, 9):
            session.correct(1, points=[(100 + 2 * index, 80)])
    events += session.step(images[12]).events
    assert list(session._tracks.by_id[1].slot.conditioning) == [0, 7, 9]
    evicted = [event for event in events if event.kind is EventKind.CONDITIONING_EVICTED]
    assert [(event.frame_idx, event.detail["evicted_frame_idx"]) for event in evicted] == [(7, 3), (9, 5)]


def test_memory_is_constant_once_slots_are_allocated(small_nano: Tracker, images: Sequence[Image]) -> None:
    session = small_nano.new_session(TrackingConfig(history_frames=8))
    for object_id, x in ((1, 100), (2, 190), (3, 60)):
        session.add(object_id, points=[(x, 85)])
    run(session, images[:3])
    addresses = [tensor.data_ptr() for tensor in session._follower._bank.tensors()]
    num_bytes = session.num_bytes
    run(session, images)
    session.correct(2, points=[(160, 110)])
    run(session, images[:5])
    assert session.num_bytes == num_bytes
    assert [tensor.data_ptr() for tensor in session._follower._bank.tensors()] == addresses


def test_growing_capacity_keeps_what_objects_remember(small_nano: Tracker, images: Sequence[Image]) -> None:
    # Objects of this plan do not see each other.
    crowded, alone = (small_nano.new_session(TrackingConfig(memory="recent")) for _ in range(2))
    crowded.add(1, **FIRST)
    alone.add(1, **FIRST)
    for index, image in enumerate(images[:14]):
        if index in (4, 6, 8, 10):
            crowded.add(index, points=[(60, 110)])  # the third object doubles the slots, the fifth again
        crowded.step(image)
        alone.step(image)
    assert_same(snapshot(crowded, 13)[13, 1], snapshot(alone, 13)[13, 1])


def test_removed_slot_is_clean_for_the_next_object(small_nano: Tracker, images: Sequence[Image]) -> None:
    reused, fresh = small_nano.new_session(), small_nano.new_session()
    reused.add(1, points=[(60, 120)])
    for index, image in enumerate(images[:16]):
        if index == 8:
            reused.remove(1)
            reused.add(2, points=[(116, 80)])
            fresh.add(2, points=[(116, 80)])
        reused.step(image)
        fresh.step(image)
    assert reused.object_ids == (2,)
    assert_same(snapshot(reused, 15)[15, 2], snapshot(fresh, 15)[15, 2])


def test_frame_size_may_change(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    session.add(1, **FIRST)
    run(session, images[:4])
    larger = np.repeat(np.repeat(images[4], 2, axis=0), 2, axis=1)
    result = session.step(larger)
    assert result.objects[1].mask.shape == (2 * SIZE[0], 2 * SIZE[1])
    assert result.objects[1].state is ObjectState.TRACKING


def test_events_tell_what_happened_in_order(nano: Tracker, images: Sequence[Image]) -> None:
    session = nano.new_session()
    session.add(1, **FIRST)
    added = session.step(images[0]).events
    session.set_label(1, "disc")
    session.note_gap()
    session.remove(1)
    later = session.step(images[1]).events
    assert [(event.kind, event.object_id) for event in added] == [(EventKind.ADDED, 1)]
    assert [event.kind for event in later] == [EventKind.LABELED, EventKind.GAP, EventKind.REMOVED]


class TestRefusals:
    def test_taken_id(self, nano: Tracker) -> None:
        session = nano.new_session()
        session.add(1, **FIRST)
        with pytest.raises(
            PromptError, match=r"^object 1 is followed already, expected a new id or `correct`$"
        ):
            session.add(1, **FIRST)

    def test_unknown_id(self, nano: Tracker, images: Sequence[Image]) -> None:
        session = nano.new_session()
        session.add(1, **FIRST)
        session.step(images[0])
        for call in (session.correct, session.remove):
            with pytest.raises(PromptError, match=r"^object 4 is not followed, expected one of: 1$"):
                call(4)

    def test_too_many_objects(self, nano: Tracker) -> None:
        session = nano.new_session(TrackingConfig(max_objects=2))
        session.add(1, **FIRST)
        session.add(2, **FIRST)
        with pytest.raises(CapacityError, match="2 objects are followed"):
            session.add(3, **FIRST)

    def test_frame_that_is_no_longer_kept(self, nano: Tracker, images: Sequence[Image]) -> None:
        session = nano.new_session(TrackingConfig(history_frames=4))
        run(session, images[:9])
        with pytest.raises(FrameExpiredError, match=r"^at_frame is 4, expected a kept frame from 5 to 8$"):
            session.add(1, **FIRST, at_frame=4)
        session.add(1, points=[(110, 80)], at_frame=5)

    def test_frame_before_the_object(self, nano: Tracker, images: Sequence[Image]) -> None:
        session = nano.new_session()
        run(session, images[:3])
        session.add(1, **FIRST)
        session.step(images[3])
        with pytest.raises(PromptError, match=r"at_frame is 1, expected its first frame \(3\) or later"):
            session.correct(1, **FIRST, at_frame=1)

    def test_waiting_prompt_that_does_not_fit_spares_the_frame(
        self, nano: Tracker, images: Sequence[Image]
    ) -> None:
        session = nano.new_session()
        session.add(1, points=[(400, 80)])
        session.add(2, **FIRST)
        with pytest.raises(
            PromptError, match=r"point 0 is \(400, 80\), expected inside the frame of 320 x 180"
        ):
            session.step(images[0])
        result = session.step(images[0])
        assert (result.frame_idx, list(result.objects)) == (0, [2])

    @pytest.mark.parametrize(
        "image",
        [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), None],
        ids=["grey", "float", "no pixels", "none"],
    )
    def test_frame_of_another_shape(self, nano: Tracker, image: object) -> None:
        with pytest.raises(ShapeError, match="expected "):
            nano.new_session().step(image)  # type: ignore[arg-type]


def test_bf16_follows_the_same_object(nano: Tracker, images: Sequence[Image]) -> None:
    coarse = Tracker.from_checkpoint("nano", device="cpu", precision="bf16").new_session()
    exact = nano.new_session()
    for session in (coarse, exact):
        session.add(1, **FIRST)
    found, expected = (run(session, images[:6]).objects[1].mask for session in (coarse, exact))
    # 8 bits of mantissa move edges, not objects.
    assert (found & expected).sum() / (found | expected).sum() > 0.85


def test_larger_square_follows_the_same_object(images: Sequence[Image]) -> None:
    session = Tracker.from_checkpoint("nano", device="cpu", image_size=512).new_session()
    session.add(1, **FIRST)
    result = run(session, images[:3])
    assert result.objects[1].mask.shape == SIZE
    assert snapshot(session, 2)[2, 1].low_res_mask_logits.shape == (128, 128)
