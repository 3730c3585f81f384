"""Masks that reach into what another find shows, and what is left of them."""

from __future__ import annotations

import numpy as np

from streamtrack.detect import Box, Detection
from streamtrack.detect.cut_policy import cut_to, plan_cuts, reaches_others
from streamtrack.frame import ObjectMask

OWN: Box = (100, 50, 140, 150)
BESIDE: Box = (145, 50, 185, 150)


def find(box: Box, score: float = 0.8, name: str = "person") -> Detection:
    return Detection(name, score, box)


def mask(*boxes: Box) -> ObjectMask:
    whole = np.zeros((200, 320), np.bool_)
    for x0, y0, x1, y1 in boxes:
        whole[round(y0) : round(y1), round(x0) : round(x1)] = True
    return ObjectMask.from_mask(whole, 1)


def test_mask_that_reaches_into_its_neighbour_is_cut_to_its_own_find() -> None:
    both = mask(OWN, (145, 100, 180, 150))
    [cut] = plan_cuts({1: 0}, {1: both}, [find(OWN), find(BESIDE)], 0.5)
    assert (cut.object_id, cut.find) == (1, find(OWN))
    assert (cut.left.box, cut.left.area_px) == ((100, 50, 140, 150), 4000)
    assert cut.left.centroid == (120.0, 100.0)


def test_mask_in_its_find_or_reaching_where_nobody_is_stays() -> None:
    assert not reaches_others(mask(OWN), find(OWN), [find(OWN), find(BESIDE)])
    assert not reaches_others(mask(OWN, (60, 50, 90, 150)), find(OWN), [find(OWN), find(BESIDE)])
    assert not reaches_others(mask((98, 48, 142, 152)), find(OWN), [find(OWN), find(BESIDE)])
    assert not reaches_others(mask(OWN, BESIDE), find(OWN), [find(OWN), find(BESIDE, name="dog")])


def test_finds_that_may_be_one_thing_and_weak_ones_cut_nothing() -> None:
    both, twin = mask(OWN, (140, 50, 152, 150)), (112.0, 50.0, 152.0, 150.0)
    assert not reaches_others(both, find(OWN), [find(OWN), find(twin)])
    assert plan_cuts({1: 0}, {1: mask(OWN, BESIDE)}, [find(OWN), find(BESIDE, 0.3)], 0.5) == ()


def test_what_would_leave_next_to_nothing_is_not_cut() -> None:
    elsewhere = mask((100, 130, 140, 150), BESIDE)
    assert cut_to(elsewhere, find(OWN)) is None
    assert plan_cuts({1: 0}, {1: elsewhere}, [find(OWN), find(BESIDE)], 0.5) == ()
