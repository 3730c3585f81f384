"""Targets: visible on the first frame, never an occluder, repeated where there are too few."""

from __future__ import annotations

import numpy as np

from training.paste import OCCLUDER_ID
from training.targets import pick_one, pick_targets


def _ids() -> np.ndarray:
    ids = np.zeros((2, 64, 64), np.int32)
    ids[:, 4:24, 4:24] = 5
    ids[:, 30:50, 30:50] = OCCLUDER_ID
    ids[1, 40:60, 4:24] = 7  # comes in later
    return ids


def test_only_what_is_visible_first_and_no_occluder_is_picked() -> None:
    ids, rng = _ids(), np.random.default_rng(0)

    assert {pick_one(ids[0], rng) for _ in range(20)} == {5}
    masks = pick_targets(ids, 3, rng)

    assert masks is not None
    assert masks.shape == (3, 2, 64, 64)
    assert (masks == (ids == 5)).all()


def test_the_wanted_one_is_among_them_or_there_are_none() -> None:
    ids, rng = _ids(), np.random.default_rng(0)
    ids[:, 4:14, 40:60] = 9

    for _ in range(10):
        masks = pick_targets(ids, 1, rng, first=9)
        assert masks is not None
        assert (masks[0] == (ids == 9)).all()
    assert pick_targets(ids, 1, rng, first=7) is None
    assert pick_one(np.zeros((8, 8), np.int32), rng) is None
