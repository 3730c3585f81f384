"""Two who meet and part, and who is who then, on finds and masks made by hand."""

from __future__ import annotations

from collections.abc import Mapping

from streamtrack.detect import Box
from streamtrack.detect.contact import MOST_ASKED
from streamtrack.detect.mending import MendPlan
from tests.support.mended import GONE, PERSON, UNCERTAIN, Stream, find, mask_in, moved

HERE, THERE = PERSON, moved(PERSON, 120)
MEETING = [find(moved(HERE, 35)), find(moved(THERE, -35))]
"""Two finds that overlap a little."""
ITSELF, OTHER = 0.7, 0.45


def met(likeness: Mapping[tuple[int, Box], float] | None) -> Stream:
    """Objects 1, here, and 2, there, have just come near each other."""
    stream = Stream(likeness).start(HERE).start(THERE, 2)
    stream.see([find(HERE), find(THERE)], mask_in(HERE), mask_in(THERE, 2))
    stream.see(MEETING, mask_in(MEETING[0].box), mask_in(MEETING[1].box, 2))
    return stream


def part_swapped(stream: Stream) -> MendPlan:
    """They part, and each has the other's mask."""
    return stream.see([find(HERE), find(THERE)], mask_in(THERE), mask_in(HERE, 2))


def likes(own: float, other: float) -> dict[tuple[int, Box], float]:
    """How much each looks like what is here and there, whoever is near."""
    near = {(key, one.box): ITSELF for key in (1, 2) for one in MEETING}
    return near | {(1, HERE): own, (2, THERE): own, (1, THERE): other, (2, HERE): other}


def test_two_who_part_with_each_others_masks_change_back_together() -> None:
    stream = met(likes(ITSELF, OTHER))
    plan = part_swapped(stream)
    assert (plan.mendings, plan.pending) == ((), frozenset({1, 2})), "not at the first look"
    mendings = {one.object_id: one for one in part_swapped(stream).mendings}
    assert {key: one.find.box for key, one in mendings.items()} == {1: HERE, 2: THERE}
    assert "swapped" in {one.reason for one in mendings.values()}
    met_at = 8
    assert all(one.well_at < met_at for one in mendings.values()), "what was remembered since is in doubt"


def test_two_whose_looks_are_beyond_doubt_change_back_at_the_first_look() -> None:
    stream = met(likes(0.9, 0.3))
    assert {one.object_id: one.find.box for one in part_swapped(stream).mendings} == {1: HERE, 2: THERE}


def test_looks_that_do_not_tell_them_apart_leave_them_where_they_are() -> None:
    for likeness in (None, likes(0.65, 0.6), likes(OTHER, ITSELF), likes(0.3, 0.28)):
        stream = met(likeness)
        assert [part_swapped(stream).mendings for _ in range(6)] == [()] * 6


def test_looks_are_asked_for_once_somebody_was_near_and_only_until_they_have_told() -> None:
    stream = Stream(likes(ITSELF, OTHER)).start(HERE).start(THERE, 2)
    for _ in range(3):
        stream.see([find(HERE), find(THERE)], mask_in(HERE), mask_in(THERE, 2))
    assert stream.asked == []
    stream.see(MEETING, mask_in(MEETING[0].box), mask_in(MEETING[1].box, 2))
    for _ in range(3):
        stream.see([find(HERE), find(THERE)], mask_in(HERE), mask_in(THERE, 2))
    assert sorted(key for key, box in stream.asked if box in (HERE, THERE)) == [1, 2]


def test_object_that_was_started_on_who_is_missed_gives_way() -> None:
    stream = Stream({(1, THERE): 0.7, (2, THERE): 0.75}).start(HERE)
    astray = mask_in((10, 210, 70, 290), state=UNCERTAIN)
    stream.see([], astray)
    stream.start(THERE, 2)
    mended = [stream.see([find(THERE)], astray, mask_in(THERE, 2)).mendings for _ in range(2)]
    assert [[(one.object_id, one.find.box) for one in look] for look in mended] == [[], [(1, THERE)]]
    elder = Stream({(1, THERE): 0.7, (2, THERE): 0.75}).start(THERE, 2).start(HERE)
    for _ in range(3):
        assert elder.see([find(THERE)], astray, mask_in(THERE, 2)).mendings == ()


def test_few_finds_of_a_look_are_asked_about() -> None:
    crowd = [moved(PERSON, 40 * place) for place in range(8)]
    stream = Stream(dict.fromkeys(crowd, OTHER))
    for place, box in enumerate(crowd):
        stream.start(box, place + 1)
    for _ in range(3):
        stream.asked.clear()
        stream.see(
            [find(box) for box in crowd], *(mask_in(box, place + 1) for place, box in enumerate(crowd))
        )
        assert len({box for _, box in stream.asked}) <= MOST_ASKED


def test_what_is_remembered_of_a_meeting_ends_with_the_object() -> None:
    stream = met(likes(ITSELF, OTHER))
    stream.see([find(HERE)], mask_in(HERE))
    assert set(stream.mender._known) == {1}
    assert GONE.object_id == 1
