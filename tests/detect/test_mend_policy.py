"""Which finds mend which objects, on finds and masks made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamtrack.config import MendConfig
from streamtrack.detect import Box
from streamtrack.detect.doubt import ADRIFT_LOOKS
from streamtrack.frame import ObjectState
from tests.support.mended import (
    FAR,
    GONE,
    NEIGHBOUR,
    PERSON,
    STEP_MS,
    UNCERTAIN,
    Stream,
    find,
    mask_in,
    mask_of,
    moved,
)


def test_find_that_agrees_mends_nothing_however_unsure_the_mask() -> None:
    stream = Stream().start()
    assert stream.mended([find()], mask_in(PERSON, state=UNCERTAIN), looks=5) == []


def test_unsure_find_must_come_twice_and_a_sure_one_where_it_is_expected_once() -> None:
    beside = moved(PERSON, 45)
    astray = mask_in(moved(PERSON, -50), state=UNCERTAIN)
    stream = Stream().start()
    assert stream.see([find(beside)], astray).mendings == ()
    [mending] = stream.see([find(beside)], astray).mendings
    assert (mending.object_id, mending.find, mending.reason) == (1, find(beside), "uncertain")
    assert (mending.well_at, mending.overlap) == (0, 0.0)
    assert Stream().start().mended([find(beside, score=0.9)], astray, looks=1) == ["uncertain"]


def test_find_of_another_class_or_size_or_weak_or_far_mends_nothing() -> None:
    astray = mask_in(moved(PERSON, -50), state=UNCERTAIN)
    for unfit in (
        find(moved(PERSON, 20), "car"),
        find((100, 50, 130, 120)),
        find(moved(PERSON, 20), score=0.4),
        find(FAR),
    ):
        assert Stream(reach=0.5).start().mended([unfit], astray, looks=3) == []


def test_find_that_a_healthy_object_holds_is_not_taken() -> None:
    stream = Stream().start().start(NEIGHBOUR, 2)
    astray, healthy = mask_in(moved(PERSON, -60), state=UNCERTAIN), mask_in(NEIGHBOUR, 2)
    assert stream.mended([find(NEIGHBOUR)], astray, healthy, looks=4) == []
    # Also where the find does not agree with it: its mask is there.
    part = mask_in((180, 50, 205, 200), 2, share=1.0)
    assert stream.mended([find(NEIGHBOUR)], astray, part, looks=4) == []


def test_one_find_mends_one_object_and_each_gets_the_nearest() -> None:
    stream = Stream().start().start(NEIGHBOUR, 2)
    lost = [mask_in((10, 210, 70, 290), key, UNCERTAIN) for key in (1, 2)]
    assert stream.see([find(moved(NEIGHBOUR, 4))], *lost).mendings == ()
    [mending] = stream.see([find(moved(NEIGHBOUR, 8))], *lost).mendings
    assert mending.object_id == 2
    stream = Stream().start().start(NEIGHBOUR, 2)
    finds = [find(moved(NEIGHBOUR, 4)), find(moved(PERSON, 4))]
    stream.see(finds, *lost)
    both = {one.object_id: one.find.box for one in stream.see(finds, *lost).mendings}
    assert both == {1: moved(PERSON, 4), 2: moved(NEIGHBOUR, 4)}


def test_mask_over_twice_its_find_or_over_two_is_cut_back_to_the_expected_one() -> None:
    wide = (90.0, 10.0, 250.0, 210.0)
    assert Stream().start().mended([find()], mask_in(wide, share=1.0)) == ["too_large"]
    stream = Stream().start()
    stream.see([find(), find(NEIGHBOUR)], mask_in(wide, share=1.0))
    [mending] = stream.see([find(), find(NEIGHBOUR)], mask_in(wide, share=1.0)).mendings
    assert (mending.reason, mending.find.box) == ("several", PERSON)
    # Also where it is no more than twice as large as the one.
    stream = Stream().start()
    both = mask_in((100.0, 50.0, 215.0, 200.0), share=1.0)
    stream.see([find(), find(NEIGHBOUR)], both)
    assert [one.find.box for one in stream.see([find(), find(NEIGHBOUR)], both).mendings] == [PERSON]
    # A find of its upper half alone says nothing: it is no more the size of the person.
    upper = find((110, 50, 150, 110))
    assert Stream().start().mended([upper], mask_in(PERSON, share=1.0), looks=4) == []


def test_object_whose_mask_went_over_to_anothers_goes_back_to_the_find_where_it_was() -> None:
    both = [find(PERSON), find(NEIGHBOUR)]
    stream = Stream().start().start(NEIGHBOUR, 2)
    stream.see(both, mask_in(PERSON), mask_in(NEIGHBOUR, 2))
    over, rightful = mask_in(NEIGHBOUR, 1, share=0.9), mask_in(NEIGHBOUR, 2)
    plan = stream.see(both, over, rightful)
    assert (plan.mendings, plan.pending) == ((), frozenset({1})), "not at the first look"
    [mending] = stream.see(both, over, rightful).mendings
    assert (mending.object_id, mending.reason, mending.find.box) == (1, "shared", PERSON)


def test_two_that_changed_places_are_told_apart_by_their_looks() -> None:
    """Object 2 is on whom object 1 was on, which is nowhere."""
    likes = {(1, PERSON): 0.6, (2, PERSON): 0.4}
    stream = Stream(likes).start().start(NEIGHBOUR, 2)
    hidden = replace(GONE, state=ObjectState.OCCLUDED)
    plan = stream.see([find()], hidden, mask_in(PERSON, 2))
    assert (plan.mendings, plan.pending) == ((), frozenset({1}))
    [mending] = stream.see([find()], hidden, mask_in(PERSON, 2)).mendings
    assert (mending.object_id, mending.find.box) == (1, PERSON)
    for kept in ({(1, PERSON): 0.6, (2, PERSON): 0.55}, {(1, PERSON): 0.45, (2, PERSON): 0.1}):
        stream = Stream(kept).start().start(NEIGHBOUR, 2)
        assert stream.mended([find()], hidden, mask_in(PERSON, 2), looks=4) == []


def test_who_was_seen_a_moment_ago_may_look_a_little_less_like_itself() -> None:
    astray, back = mask_in(moved(PERSON, -50), state=UNCERTAIN), moved(PERSON, 20)
    for like, mended in ((0.52, ["uncertain"]), (0.45, [])):
        assert Stream({back: like}).start().mended([find(back)], astray) == mended


def test_masks_of_a_couple_are_cut_to_their_own_finds_at_once() -> None:
    stream = Stream().start().start(NEIGHBOUR, 2)
    foot: Box = (180, 170, 215, 200)
    plan = stream.see([find(), find(NEIGHBOUR)], mask_of(PERSON, foot), mask_in(NEIGHBOUR, 2))
    assert [(cut.object_id, cut.find.box, cut.left.box) for cut in plan.cuts] == [
        (1, PERSON, (100, 50, 160, 200))
    ]
    # Also where the mask is of both, and nobody knows yet whether to mend it.
    both = mask_of((100, 50, 240, 200))
    plan = stream.see([find(score=0.6), find(NEIGHBOUR, score=0.6)], both, mask_in(NEIGHBOUR, 2))
    assert [cut.object_id for cut in plan.cuts] == [1]
    assert stream.see([find()], mask_of(PERSON, foot)).cuts == (), "nobody is there"


def test_find_far_off_mends_nothing_that_is_still_there() -> None:
    astray = mask_in((300, 200, 360, 290), state=UNCERTAIN)
    stream = Stream().start()
    for _ in range(20):
        assert stream.see([find(FAR, score=0.9)], astray).mendings == ()


def test_mask_that_no_find_meets_any_more_counts_as_adrift_when_finds_did_before() -> None:
    astray = mask_in((300, 200, 360, 290))
    stream = Stream().start()
    for _ in range(ADRIFT_LOOKS):
        stream.see([find()], mask_in(PERSON))
    assert stream.mended([find()], astray, looks=ADRIFT_LOOKS) == []
    assert stream.mended([find()], astray, looks=1) == ["adrift"]
    assert Stream().start().mended([find()], astray, looks=ADRIFT_LOOKS - 1) == []


def test_lost_object_is_found_by_its_looks_and_never_without() -> None:
    back = moved(PERSON, 100)
    for likeness, found in ((None, []), ({back: 0.3}, []), ({back: 0.6}, ["lost"])):
        stream = Stream(likeness).start()
        assert stream.mended([find(back)], GONE, looks=4) == found
    stream = Stream({back: 0.95}).start()
    stream.see([], GONE)
    assert stream.mended([find(back, score=0.9)], GONE, looks=1) == ["lost"], "beyond doubt at once"


def test_lost_object_that_comes_back_as_somebody_else_is_told_at_the_second_look() -> None:
    for like, others in ((0.3, [frozenset(), frozenset({1})]), (0.5, [frozenset()] * 2)):
        stream = Stream({PERSON: like}).start()
        stream.see([], GONE)
        plans = [stream.see([find()], mask_in(PERSON)) for _ in range(2)]
        assert [plan.others for plan in plans] == others
    stream = Stream({PERSON: 0.2}).start()
    stream.see([], GONE)
    assert stream.see([find()], mask_in(PERSON)).others == frozenset({1}), "beyond doubt at the first"
    stream = Stream({PERSON: 0.3}).start()
    assert not any(stream.see([find()], mask_in(PERSON)).others for _ in range(4)), "it was never lost"


def test_two_who_look_alike_are_not_taken_at_the_first_look() -> None:
    here, there = moved(PERSON, 90), moved(PERSON, -90)
    stream = Stream({here: 0.9, there: 0.85}).start()
    stream.see([], GONE)
    assert stream.see([find(here, score=0.9), find(there, score=0.9)], GONE).mendings == ()


def test_hidden_object_is_waited_for_unless_it_is_found_where_it_is_expected() -> None:
    hidden, farther = replace(GONE, state=ObjectState.OCCLUDED), moved(PERSON, 90)
    stream = Stream({farther: 0.9}, gone_after_ms=1500).start()
    assert stream.mended([find(farther, score=0.9)], hidden, looks=4) == []
    assert stream.mended([find(farther, score=0.9)], hidden, looks=1) == ["lost"]
    assert Stream({PERSON: 0.9}).start().mended([find(score=0.9)], hidden, looks=1) == ["lost"]


def test_what_does_not_help_is_tried_ever_more_seldom() -> None:
    astray = mask_in(moved(PERSON, -50), state=UNCERTAIN)
    stream = Stream(cooldown_ms=STEP_MS).start()
    looks = [bool(stream.see([find(score=0.9)], astray).mendings) for _ in range(24)]
    times = [index for index, mended in enumerate(looks) if mended]
    gaps = np.diff(times).tolist()
    assert len(times) >= 4
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 4 * gaps[0]


def test_object_of_a_person_is_mended_once_finds_agreed_unless_only_own_ones_are() -> None:
    astray = mask_in(moved(PERSON, -50), state=UNCERTAIN)
    for objects, expected in (("all", ["uncertain"]), ("own", [])):
        stream = Stream(objects=objects)
        assert stream.mended([find()], astray, looks=3) == [], "nobody knows what it is"
        for _ in range(2):
            stream.see([find()], mask_in(PERSON))
        assert stream.mended([find()], astray) == expected


def test_mask_of_a_part_of_its_find_goes_on_from_all_of_it() -> None:
    part = mask_in((100, 150, 160, 200), share=1.0)
    assert Stream().start().mended([find()], part) == ["too_small"]
    assert Stream().start().mended([find()], mask_in((100, 100, 160, 200), share=1.0)) == [], "it agrees"
    assert Stream().start((100, 150, 160, 200)).mended([find()], part) == [], "it was never so large"
    chosen = Stream().start()
    chosen.mender.corrected_by_hand(1)
    assert chosen.mended([find()], part) == [], "somebody wants a part"


def test_part_that_somebody_chose_is_left_alone_until_a_find_agrees_again() -> None:
    astray = mask_in(moved(PERSON, -50), state=UNCERTAIN)
    stream = Stream().start()
    stream.mender.corrected_by_hand(1)
    assert stream.mended([find(score=0.9)], astray, looks=3) == []
    stream.see([find()], mask_in(PERSON))
    assert stream.mended([find(score=0.9)], astray, looks=1) == ["uncertain"]


def test_mask_that_somebody_made_too_large_is_mended_at_the_second_look() -> None:
    wide = mask_in((90.0, 10.0, 250.0, 210.0), share=1.0)
    stream = Stream().start()
    stream.mender.corrected_by_hand(1)
    assert stream.mended([find(score=0.95)], wide, looks=1) == []
    assert stream.mended([find(score=0.95)], wide, looks=1) == ["too_large"]


def test_find_that_may_be_an_object_starts_none_meanwhile() -> None:
    stream = Stream().start()
    plan = stream.see([find(FAR), find(moved(PERSON, 20))], mask_in(moved(PERSON, -50), state=UNCERTAIN))
    assert (plan.mendings, plan.claimed) == ((), frozenset({1}))


def test_moving_object_is_expected_farther_on() -> None:
    stream = Stream(reach=0.5).start()
    for step in range(1, 5):
        stream.see([find(moved(PERSON, 50 * step))], mask_in(moved(PERSON, 50 * step)))
    ahead = find(moved(PERSON, 250), score=0.9)
    assert stream.mended([ahead], mask_in((10, 210, 70, 290), state=UNCERTAIN), looks=1) == ["uncertain"]


@pytest.mark.parametrize("key", ["min_score", "sure_score", "disagree_iou", "min_likeness"])
def test_shares_are_bounded(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        MendConfig.model_validate({key: 1.5})


def test_what_is_remembered_is_of_objects_that_there_are() -> None:
    stream = Stream()
    for object_id in range(50):
        stream.start(object_id=object_id)
        stream.see([find()], mask_in(PERSON, object_id))
    assert len(stream.mender._known) == 1
