"""J and F on cases made by hand, and F beside a formulation by distances."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest

from bench.davis_metric import BOUNDARY_TOLERANCE, boundary_measure, outline, statistics
from streamtrack.frame import BoolMask

HEIGHT, WIDTH = 180, 240
TOLERANCE_PX = math.ceil(BOUNDARY_TOLERANCE * math.hypot(HEIGHT, WIDTH))
"""3: 0.8 % of a diagonal of 300."""


def square(left: int, top: int, side: int = 40) -> BoolMask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def blob(seed: int) -> BoolMask:
    rng = np.random.default_rng(seed)
    noise = cv2.resize(rng.random((9, 12)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(noise > 0.6, np.bool_)


def outline_by_definition(mask: BoolMask) -> set[tuple[int, int]]:
    """Pixels that differ from the one to the right, below, or right below, where there is one."""
    height, width = mask.shape
    neighbours = ((0, 1), (1, 0), (1, 1))
    return {
        (y, x)
        for y, x in itertools.product(range(height), range(width))
        if any(
            y + dy < height and x + dx < width and mask[y, x] != mask[y + dy, x + dx] for dy, dx in neighbours
        )
    }


def boundary_by_distances(mask: BoolMask, truth: BoolMask) -> float:
    """F from the distance between every two outline pixels, without any morphology."""
    ours, theirs = (np.array(sorted(outline_by_definition(one))) for one in (mask, truth))
    squared = ((ours[:, None] - theirs[None]) ** 2).sum(2)
    near = squared <= TOLERANCE_PX**2
    precision, recall = near.any(1).mean(), near.any(0).mean()
    return float(2 * precision * recall / (precision + recall))


def test_outline_is_one_pixel_wide_and_stops_at_the_picture() -> None:
    assert outline_by_definition(square(0, 0)) == set(zip(*np.nonzero(outline(square(0, 0))), strict=True))
    assert not outline(np.ones((HEIGHT, WIDTH), np.bool_)).any()


@pytest.mark.parametrize(("shift_px", "expected"), [(0, 1.0), (TOLERANCE_PX, 1.0)])
def test_outline_within_the_tolerance_matches(shift_px: int, expected: float) -> None:
    assert boundary_measure(square(50, 60), square(50 + shift_px, 60)) == expected


def test_one_pixel_beyond_the_tolerance_only_the_parallel_sides_match() -> None:
    measured = boundary_measure(square(50, 60), square(50 + TOLERANCE_PX + 1, 60))
    assert 0.5 < measured < 0.6  # two of four sides, and the corners' neighbourhood


def test_outlines_far_apart_do_not_match() -> None:
    assert boundary_measure(square(10, 10), square(150, 100)) == 0.0


def test_nothing_is_right_where_there_is_nothing_and_wrong_elsewhere() -> None:
    nothing = np.zeros((HEIGHT, WIDTH), np.bool_)
    assert boundary_measure(nothing, nothing) == 1.0
    assert boundary_measure(square(10, 10), nothing) == boundary_measure(nothing, square(10, 10)) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_boundary_measure_equals_the_one_by_distances(seed: int) -> None:
    mask, truth = blob(seed), blob(seed) ^ square(90, 70, 25)
    assert 0.3 < boundary_measure(mask, truth) < 1.0
    assert boundary_measure(mask, truth) == pytest.approx(boundary_by_distances(mask, truth), abs=1e-12)


def test_recall_counts_frames_above_one_half_and_decay_compares_quarters() -> None:
    whole = statistics([1.0] * 4 + [0.0] * 4)
    assert (whole.mean, whole.recall, whole.decay) == (0.5, 0.5, 1.0)
    # Quarters of 8 frames are 0-2, 2-4, 4-5 and 5-7: borders shared, as in the benchmark's code.
    assert statistics([0.9, 0.9, 0.6, 0.5, 0.5, 0.3, 0.3, 0.0]).decay == pytest.approx(0.8 - 0.2)


def test_sequence_too_short_for_quarters_is_refused() -> None:
    with pytest.raises(ValueError, match="3 scored frames, expected 4 or more"):
        statistics([1.0] * 3)
