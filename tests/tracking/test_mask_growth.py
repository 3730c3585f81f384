"""Masks that explode are told from objects that come nearer."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import BoolMask
from streamtrack.tracking.mask_growth import LATELY, MaskGrowth, count_bodies


def square(side: int) -> BoolMask:
    return np.ones((side, side), np.bool_)


def growth() -> MaskGrowth:
    return MaskGrowth(4.0, history=32)


def told(guard: MaskGrowth, key: int, crop: BoolMask) -> bool:
    return guard.explodes(key, crop, int(crop.sum()))


def test_an_object_that_comes_nearer_is_believed() -> None:
    guard = growth()
    sides = [int(10 * 1.2**index) for index in range(20)]
    assert not any(told(guard, key, square(side)) for key, side in enumerate(sides))


def test_a_mask_many_times_its_last_size_is_not_believed_and_sets_no_size() -> None:
    guard = growth()
    assert not told(guard, 0, square(10))
    assert told(guard, 1, square(25))
    assert told(guard, 2, square(25))
    assert not told(guard, 3, square(11))


def test_several_bodies_explode_sooner_than_one() -> None:
    crowd = np.zeros((10, 40), np.bool_)
    crowd[:, :10] = crowd[:, 15:25] = crowd[:, 30:] = True
    assert count_bodies(crowd) == 3
    guard = growth()
    assert not told(guard, 0, square(10))
    assert told(guard, 1, crowd)
    assert not told(guard, 2, np.ones((10, 30), np.bool_))


def test_bodies_of_a_large_mask_are_counted_as_those_of_a_small_one() -> None:
    crop = np.zeros((700, 1500), np.bool_)
    crop[:, :500] = crop[100:600, 700:1100] = True
    assert count_bodies(crop) == 2
    crop[300, 500:700] = True  # held together by a line one pixel wide
    assert count_bodies(crop) == 1
    crop[:40, 1400:] = True  # too small to count
    assert count_bodies(crop) == 1
    assert count_bodies(np.ascontiguousarray(crop.T)) == 1
    assert count_bodies(crop[:, :0]) == 0


def test_what_was_half_hidden_may_come_back_whole() -> None:
    guard = growth()
    assert not told(guard, 0, square(20))
    for key in range(1, LATELY):
        assert not told(guard, key, square(6))
    assert not told(guard, LATELY, square(20))


def test_what_stays_large_is_believed_in_the_end() -> None:
    guard = growth()
    assert not told(guard, 0, square(10))
    answers = [told(guard, key, square(30)) for key in range(1, 40)]
    assert answers[0]
    assert not answers[-1]
    assert answers == sorted(answers, reverse=True)


def test_a_prompted_mask_is_believed_and_a_correction_forgets_what_came_after() -> None:
    guard = growth()
    assert not told(guard, 0, square(10))
    guard.believe(1, square(60), 3600)
    assert not told(guard, 2, square(60))
    guard.restart(1)
    assert told(guard, 1, square(60))
    for key in range(2, 100):
        told(guard, key, square(10))
    assert len(guard._believed) <= 32


def test_an_empty_mask_is_no_explosion() -> None:
    guard = growth()
    assert not guard.explodes(0, np.zeros((0, 0), np.bool_), 0)
    assert count_bodies(np.zeros((0, 0), np.bool_)) == 0


def test_what_comes_back_after_hours_is_believed() -> None:
    guard = growth()
    guard.believe(0, square(10), 100)
    assert not told(guard, 100_000, square(40))
