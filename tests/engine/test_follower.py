"""The engine alone: slots and frame numbers, in whatever order the caller has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from streamtrack.engine.encoded_frames import VIEWS_AT_HAND
from streamtrack.engine.follower import Follower, Slot
from streamtrack.engine.found import Found
from streamtrack.engine.places import Batching
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.read_plan import Evidence, FeatureRead, PointerRead, Reading, RecentMemory, Stored
from streamtrack.engine.runner import EagerRunner
from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.model.interface import FrameFeatures
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.tracking import Tracker

FRAMES = 8


class BothWays(RecentMemory):
    """A film's plan: conditioning frames of any time, and the frames that lie next to this one."""

    def plan(self, stored: Stored) -> Reading:
        now, prompted = (
            stored.frame_idx,
            [index for index in stored.conditioning if index != stored.frame_idx],
        )
        near = sorted(set(stored.features) - {now, *prompted}, key=lambda index: abs(now - index))
        return Reading(
            features=(
                *(FeatureRead(index, None) for index in prompted),
                *(FeatureRead(index, place) for place, index in enumerate(near[: self.frames], 1)),
            ),
            pointers=tuple(
                PointerRead(index, abs(now - index)) for index in [*prompted, *near[: self.pointers]]
            ),
            num_conditioning=len(prompted),
        )

    def give_up(self, stored: Sequence[int], evidence: Mapping[int, Evidence]) -> int:
        return stored[0]


def make_follower(tracker: Tracker, plan: RecentMemory, images: Sequence[Image], **keys: bool) -> Follower:
    network = tracker._model.network
    follower = Follower(
        network,
        plan=plan,
        max_conditioning_frames=4,
        history_frames=FRAMES,
        batching=Batching(max_batch=4),
        runner=EagerRunner(network),
        autocast=nullcontext,
        **keys,
    )
    for index, image in enumerate(images[:FRAMES]):
        follower.encode(index, image)
    return follower


def click(x: float, y: float, label: int = 1) -> CheckedPrompt:
    return CheckedPrompt(np.array([[x, y]], np.float32), np.array([label], np.int32), None, (180, 320))


def iou(found: Found, expected: Found) -> float:
    ours, theirs = found.low_res_mask_logits > 0, expected.low_res_mask_logits > 0
    return float((ours & theirs).sum() / (ours | theirs).sum())


def test_a_slot_follows_frame_by_frame_and_replays_the_same(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images)
    slot = follower.open(0)
    assert follower.condition(slot, 0, click(100, 80), corrects=False) is not None
    first = [one.found.low_res_mask_logits.copy() for one in follower.replay(slot, range(1, FRAMES), {})]
    again = [one.found.low_res_mask_logits.copy() for one in follower.replay(slot, range(1, FRAMES), {})]
    np.testing.assert_array_equal(first, again)
    assert all(logits.max() > 0 for logits in first)


def test_prompts_are_repeated_by_a_replay(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images)
    slot = follower.open(0)
    follower.condition(slot, 0, click(100, 80), corrects=False)
    replayed = list(follower.replay(slot, range(1, FRAMES), {3: [click(106, 80)], 5: [click(110, 80)]}))
    assert [one.frame_idx for one in replayed] == [1, 2, 3, 3, 4, 5, 5, 6, 7]
    assert [one.frame_idx for one in replayed if one.conditioned is not None] == [3, 5]
    assert list(slot.conditioning) == [0, 3, 5]
    follower.condition(slot, 2, click(104, 80), corrects=True, restarts=True)
    assert list(slot.conditioning) == [0, 2]
    assert sorted(slot.features) == [0, 1, 2]


def test_a_film_is_followed_backward_from_a_later_prompt(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, BothWays(6, 15), images)
    slot, forward = follower.open(FRAMES - 1), follower.open(0)
    follower.condition(slot, FRAMES - 1, click(114, 80), corrects=False)
    follower.condition(forward, 0, click(100, 80), corrects=False)
    list(follower.replay(forward, range(1, FRAMES), {}))
    for _ in follower.replay(slot, range(FRAMES - 2, -1, -1), {}):
        pass
    for frame_idx in range(FRAMES - 1):
        found, expected = follower.found([slot, forward], frame_idx)
        assert iou(found, expected) > 0.7, "another object, or another frame's mask"
    # A second prompt, later than the frames that are followed again.
    follower.condition(slot, 0, click(100, 80), corrects=True)
    assert sorted(slot.conditioning) == [0, FRAMES - 1]
    replayed = list(follower.replay(slot, range(1, FRAMES - 1), {}))
    assert all(one.found.object_score > 0.5 for one in replayed), "it was in sight all along"


def test_closed_slots_are_used_again_and_memory_stays(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images)
    slots = [follower.open(0), follower.open(0)]
    held = follower.num_bytes
    for _ in range(3):
        follower.close(slots.pop())
        slots.append(follower.open(1))
    assert follower.num_bytes == held
    assert len({slot.slot for slot in slots}) == 2


def test_a_frame_that_is_not_kept_is_a_defect_of_the_caller(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images)
    slot = follower.open(0)
    with pytest.raises(AssertionError, match="frame 99 is not kept"):
        follower.condition(slot, 99, click(100, 80), corrects=False)


def test_a_mask_that_was_amended_is_shown_and_remembered(nano: Tracker, images: Sequence[Image]) -> None:
    def after(change: float | None) -> tuple[Found, Found]:
        follower = make_follower(nano, RecentMemory(6, 15), images)
        slot = follower.open(0)
        follower.condition(slot, 0, click(100, 80), corrects=False)
        [first] = list(follower.replay(slot, (1,), {}))
        amended = first.found
        if change is not None:
            follower.amend(slot, 1, first.found.low_res_mask_logits + np.float32(change))
            [amended] = follower.found([slot], 1)
        kept = replace(amended, low_res_mask_logits=amended.low_res_mask_logits.copy())
        [second] = list(follower.replay(slot, (2,), {}))
        assert slot.evidence[1].box is None or change != -100
        return kept, second.found

    plain, plain_next = after(None)
    same, same_next = after(0.0)
    np.testing.assert_array_equal(same.low_res_mask_logits, plain.low_res_mask_logits)
    np.testing.assert_allclose(same_next.low_res_mask_logits, plain_next.low_res_mask_logits, atol=1e-2)
    empty, empty_next = after(-100.0)
    assert empty.low_res_mask_logits.max() < 0
    assert empty.object_score == plain.object_score
    assert np.abs(empty_next.low_res_mask_logits - plain_next.low_res_mask_logits).max() > 0.1


def test_an_amended_frame_that_is_not_remembered_stays_so(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images)
    slot = follower.open(0)
    follower.condition(slot, 0, click(100, 80), corrects=False)
    [followed] = list(follower.replay(slot, (1,), {}))
    follower.forget(slot, 1)
    follower.amend(slot, 1, followed.found.low_res_mask_logits)
    assert 1 not in slot.features
    assert 1 not in slot.evidence


def aware_follower(tracker: Tracker, images: Sequence[Image]) -> tuple[Follower, Slot]:
    """One that is told where its slot is expected, which follows it onto frame 3."""
    follower = make_follower(tracker, RecentMemory(6, 15), images, aware=True)
    slot = follower.open(0)
    follower.condition(slot, 0, click(100, 80), corrects=False)
    for frame_idx in range(1, 4):
        follower.follow([slot], frame_idx)
    return follower, slot


def test_a_look_beside_a_step_is_the_same_look_for_less(
    nano: Tracker, images: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, slot = aware_follower(nano, images)
    done: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        call = getattr(Sam2Network, name)

        def count(*args: Any, **keys: Any) -> Any:
            done.append(name)
            return call(*args, **keys)

        return count

    for name in ("condition_on_memory", "encode_memory"):
        monkeypatch.setattr(Sam2Network, name, counted(name))
    again = follower.look(slot, 3, click(106, 80), corrects=False)
    assert done == ["condition_on_memory", "encode_memory"]
    beside = follower.look(slot, 3, click(106, 80), corrects=False, beside=True)
    assert len(done) == 2, "nothing was computed twice, and nothing that nobody asked for"
    assert again is not None
    assert beside is not None
    np.testing.assert_array_equal(again.found.low_res_mask_logits, beside.found.low_res_mask_logits)
    assert (again.found.object_score, again.found.iou_score) == (
        beside.found.object_score,
        beside.found.iou_score,
    )
    follower.retake(slot, beside)
    assert done[2:] == ["encode_memory"]
    after = [one.found.low_res_mask_logits.copy() for one in follower.replay(slot, [4], {})]
    follower.rewind(slot, 3)
    follower.retake(slot, again)
    np.testing.assert_array_equal(
        after, [one.found.low_res_mask_logits for one in follower.replay(slot, [4], {})]
    )


def test_what_a_frame_was_seen_with_goes_with_the_memory_that_saw_it(
    nano: Tracker, images: Sequence[Image]
) -> None:
    follower, slot = aware_follower(nano, images)
    assert follower._seen.by(slot.slot, 3, None) is not None
    follower.condition(slot, 2, click(104, 80), corrects=True, restarts=True)
    assert follower._seen.by(slot.slot, 3, None) is None
    follower.follow([slot], 3)
    assert follower._seen.by(slot.slot, 3, None) is not None
    follower.encode(4, images[4])
    assert follower._seen.by(slot.slot, 3, None) is None


def test_who_rests_shows_what_it_showed_and_remembers_nothing(nano: Tracker, images: Sequence[Image]) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images)
    slot, other = follower.open(0), follower.open(0)
    for one, x in ((slot, 100), (other, 190)):
        follower.condition(one, 0, click(x, 80), corrects=False)
    follower.follow([slot, other], 1)
    [before] = follower.found([slot], 1)
    follower.rest([slot], 2, [None])
    follower.follow([other], 2)
    [now] = follower.found([slot], 2)
    np.testing.assert_array_equal(now.low_res_mask_logits, before.low_res_mask_logits)
    assert (now.object_score, now.iou_score) == (before.object_score, before.iou_score)
    assert sorted(slot.features) == [0, 1]
    assert sorted(other.features) == [0, 1, 2]
    again = [one.found for one in follower.replay(slot, [1, 2], {}, rests_on=lambda key: key == 2)]
    assert sorted(slot.features) == [0, 1]
    assert follower.rewind(slot, 2, rests=True) is not None
    assert sorted(slot.features) == [0, 1]
    assert again[1].object_score == before.object_score


def test_of_many_windows_none_is_encoded_twice_on_a_frame(
    nano: Tracker, images: Sequence[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = make_follower(nano, RecentMemory(6, 15), images, windows=True)
    views = [View(10 * place, 0, 90 + 10 * place, 90) for place in range(VIEWS_AT_HAND + 3)]
    slots = [follower.open(0) for _ in views]
    for slot in slots:
        follower.condition(slot, 0, click(100, 80), corrects=False)
    encoded: list[View | None] = []
    encode = EagerRunner.encode

    def counted(self: EagerRunner, image: Image, view: View | None = None) -> FrameFeatures:
        encoded.append(view)
        return encode(self, image, view)

    monkeypatch.setattr(EagerRunner, "encode", counted)
    follower.follow(slots, 1, views)
    for slot, found in zip(slots, follower.found(slots, 1), strict=True):
        follower.amend(slot, 1, found.low_res_mask_logits.copy())
    assert encoded == views
