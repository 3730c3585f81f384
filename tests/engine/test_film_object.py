"""What prompts do to an object's outputs."""

from __future__ import annotations

import torch

from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.film_outputs import FilmOutput, FollowedOutputs


def output() -> FilmOutput:
    return FilmOutput(torch.zeros(2, 2), torch.zeros(1), torch.zeros(3), torch.zeros(4, 1), torch.zeros(1))


def followed_on(*frames: int) -> FilmObject:
    tracked = FilmObject(FollowedOutputs(None))
    for index in frames:
        tracked.followed[index] = output()
        tracked.visited[index] = False
    return tracked


def test_prompts_wait_and_then_take_the_place_of_what_was_followed() -> None:
    tracked = followed_on(3, 4, 5)
    before, prompted, corrected = tracked[4], output(), output()
    tracked.waiting[4] = prompted
    tracked.waiting_corrections[5] = corrected
    assert tracked[4] is before
    assert tracked.shown(4) is prompted
    assert tracked.shown(4, corrections=True) is before
    tracked.commit()
    assert (tracked[4], tracked[5]) == (prompted, corrected)
    assert (list(tracked.conditioning), sorted(tracked.followed)) == ([4], [3, 5])


def test_cleared_prompts_leave_their_mask_as_one_that_was_followed() -> None:
    tracked = followed_on(3)
    tracked.waiting[4] = prompted = output()
    tracked.commit()
    tracked.clear_prompts(4)
    assert tracked.conditioning == {}
    assert tracked.followed[4] is prompted
    assert 4 not in tracked.visited
    assert tracked.shown(9) is None


def test_memory_around_a_prompt_is_forgotten_on_demand() -> None:
    tracked = followed_on(0, 1, 2, 3, 4, 5, 6)
    tracked.waiting[3] = output()
    tracked.commit(clear_within=1)
    assert sorted(tracked.followed) == [0, 1, 5, 6]


def test_the_first_conditioning_frame_and_the_newest_stay() -> None:
    tracked = followed_on()
    tracked.waiting.update({index: output() for index in range(6)})
    tracked.commit()
    tracked.keep_conditioning(3)
    assert sorted(tracked.conditioning) == [0, 4, 5]
    assert sorted(tracked.followed) == [1, 2, 3]


def test_the_newest_anchors_stay_when_what_was_followed_is_gone() -> None:
    tracked = followed_on(*range(10))
    for index in (1, 4, 7, 99):  # 99 was never followed
        tracked.anchor(index, most=2)
    kept = tracked[4]
    assert list(tracked.anchors) == [4, 7]
    tracked.followed.clear()
    assert tracked[4] is kept
    assert tracked.stored(10).anchors == (4, 7)
    tracked.note(4, output())  # found anew: whether it is one has to be told again
    assert list(tracked.anchors) == [7]
