"""Clean-up of masks against the plainest definition of it: flood each area, count its pixels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from streamtrack.engine.clean_mask import HOLE_LOGIT, SPRINKLE_LOGIT, clean_logits, find_holes
from streamtrack.frame import BoolMask


@pytest.mark.parametrize(("max_area", "found"), [(1, 1), (3, 4), (100, 36)])
def test_holes_are_areas_of_background_up_to_a_size(max_area: int, found: int) -> None:
    mask = np.ones((8, 8), bool)
    mask[1, 1] = mask[3, 5] = mask[4, 6] = mask[4, 5] = False  # one pixel, and three that touch
    mask = np.vstack((mask, np.zeros((4, 8), bool)))  # and an area of 32
    assert find_holes(mask, max_area).sum() == found
    assert not find_holes(np.ones((4, 4), bool), max_area).any()
    assert not find_holes(mask, max_area)[mask].any()


def small_areas(mask: BoolMask, max_area: int) -> BoolMask:
    """The areas of at most so many pixels, found by walking from pixel to pixel, corners included."""
    small = np.zeros_like(mask)
    seen = ~mask
    for start in product(*map(range, mask.shape)):
        if seen[start]:
            continue
        area, rest = [start], [start]
        seen[start] = True
        while rest:
            y, x = rest.pop()
            for near in product((y - 1, y, y + 1), (x - 1, x, x + 1)):
                if 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1] and not seen[near]:
                    seen[near] = True
                    area.append(near)
                    rest.append(near)
        if len(area) <= max_area:
            small[tuple(zip(*area, strict=True))] = True
    return small


@pytest.mark.parametrize(("max_hole_area", "max_sprinkle_area"), [(0, 0), (9, 0), (0, 9), (9, 9), (900, 9)])
def test_cleaned_logits_are_as_the_plain_definition_says(max_hole_area: int, max_sprinkle_area: int) -> None:
    logits = np.random.default_rng(7).normal(-0.2, 1, (24, 31)).astype(np.float32)
    holes, sprinkles = small_areas(logits <= 0, max_hole_area), small_areas(logits > 0, max_sprinkle_area)
    expected = logits.copy()
    expected[holes], expected[sprinkles] = HOLE_LOGIT, SPRINKLE_LOGIT
    assert holes.any() == (max_hole_area > 0)
    assert sprinkles.any() == (max_sprinkle_area > 0)
    assert np.array_equal(clean_logits(logits, max_hole_area, max_sprinkle_area), expected)
