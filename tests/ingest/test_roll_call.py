from __future__ import annotations

from fractions import Fraction

from streamtrack.ingest.roll_call import PROOF, RollCall

MILLISECOND = Fraction(1, 1000)


def roll_of(*times: int, num_proven: int = PROOF) -> RollCall:
    """A roll call that has seen pictures with these times go in, numbered from 0, after some in order."""
    roll = RollCall()
    for number in range(-num_proven, 0):
        roll.coded(number, 40 * number, 40 * number)
        assert shown(roll, 40 * number) == [[]]
    for number, pts in enumerate(times):
        roll.coded(number, pts, pts)
    return roll


def shown(roll: RollCall, *times: int) -> list[list[int]]:
    """Numbers of those passed over at each picture that comes out."""
    return [[place.number for place in roll.shown(pts, MILLISECOND)] for pts in times]


def test_all_that_come_out_in_order_are_there() -> None:
    roll = roll_of(0, 120, 40, 80)

    assert shown(roll, 0, 40, 80, 120) == [[], [], [], []]
    assert roll.absent() == []


def test_swallowed_picture_is_told_by_the_one_after_it() -> None:
    assert shown(roll_of(0, 40, 80, 120), 0, 80, 120) == [[], [1], []]


def test_swallowed_pictures_at_the_end_are_told_there() -> None:
    roll = roll_of(0, 40, 80)
    shown(roll, 0)

    assert [place.number for place in roll.absent()] == [1, 2]


def test_picture_that_comes_after_a_later_one_is_late() -> None:
    roll = roll_of(0, 40, 80)
    shown(roll, 0, 80)

    assert roll.is_late(40)
    assert not roll.is_late(80)


def test_refused_picture_is_not_told_again() -> None:
    roll = roll_of(0, 40, 80)
    roll.left(40)

    assert shown(roll, 0, 80) == [[], []]


def test_what_precedes_the_first_picture_is_no_loss() -> None:
    assert shown(roll_of(0, 40, 80, num_proven=0), 80) == [[]]


def test_clock_that_was_set_back_loses_nothing() -> None:
    roll = roll_of(500_000, 500_040, 0, 40)

    assert shown(roll, 500_000, 500_040, 0, 40) == [[], [], [], []]


def test_times_that_are_not_the_pictures_own_are_not_believed() -> None:
    times = [40 * number for number in range(100)]
    out_of_order = [pts + 40 * (-1) ** index for index, pts in enumerate(times)]
    roll = roll_of(*times, num_proven=0)

    assert all(shown(roll, pts) == [[]] and not roll.is_late(pts) for pts in out_of_order)


def test_times_that_cease_to_be_the_pictures_own_are_not_believed_for_long() -> None:
    times = [40 * number for number in range(100)]
    out_of_order = [pts + 40 * (-1) ** index for index, pts in enumerate(times)]
    roll = roll_of(*times)

    refused = [pts for pts in out_of_order if roll.is_late(pts) or shown(roll, pts) != [[]]]

    assert 0 < len(refused) < 50
    assert not roll.is_late(out_of_order[-1])
