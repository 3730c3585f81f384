"""The engine alone: slots and frame numbers, in whatever order the caller has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from streamtrack.engine.follower import Follower
from streamtrack.engine.found import Found
from streamtrack.engine.places import Batching
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.read_plan import Evidence, FeatureRead, PointerRead, Reading, RecentMemory, Stored
from streamtrack.engine.runner import EagerRunner
from streamtrack.frame import Image
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


def make_follower(tracker: Tracker, plan: RecentMemory, images: Sequence[Image]) -> Follower:
    network = tracker._model.network
    follower = Follower(
        network,
        plan=plan,
        max_conditioning_frames=4,
        history_frames=FRAMES,
        batching=Batching(max_batch=4),
        runner=EagerRunner(network),
        autocast=nullcontext,
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
