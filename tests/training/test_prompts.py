"""Simulated users: boxes fit, clicks land inside, corrections go where the larger error is."""

from __future__ import annotations

import numpy as np
import pytest

from training.prompts import boxes_on, clicks_on, corrections


@pytest.fixture
def square() -> np.ndarray:
    """(1, 40, 60): a square of 10 x 10 at x 20, y 5."""
    mask = np.zeros((1, 40, 60), np.bool_)
    mask[0, 5:15, 20:30] = True
    return mask


def test_exact_box_has_the_corners_of_the_mask(square: np.ndarray) -> None:
    box = boxes_on(square, None)

    assert box.coords[0].tolist() == [[20, 5], [30, 15]]
    assert box.labels[0].tolist() == [2, 3]


def test_jittered_box_stays_near_and_inside_the_picture(square: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    boxes = np.stack([boxes_on(square, rng).coords[0].flatten().numpy() for _ in range(200)])

    # A quarter of the side at most: the largest of BOX_JITTERS.
    assert np.abs(boxes - [20, 5, 30, 15]).max() <= 2.4
    assert boxes.std(0).min() > 0.2, "a side that never moves"


def test_click_without_randomness_is_the_innermost_point(square: np.ndarray) -> None:
    x, y = clicks_on(square, None).coords[0, 0].tolist()

    assert abs(x - 25) <= 1
    assert abs(y - 10) <= 1


def test_missing_half_gets_a_positive_click_in_it(square: np.ndarray) -> None:
    predicted = square.copy()
    predicted[0, :, 25:] = False

    click = corrections(predicted, square)

    assert click.labels.tolist() == [[1]]
    assert 25 <= click.coords[0, 0, 0] <= 30


def test_leak_gets_a_negative_click_in_it(square: np.ndarray) -> None:
    predicted = square.copy()
    predicted[0, 5:15, 40:58] = True

    click = corrections(predicted, square)

    assert click.labels.tolist() == [[0]]
    assert 40 <= click.coords[0, 0, 0] <= 58


def test_hidden_object_with_an_empty_mask_gets_a_negative_click(square: np.ndarray) -> None:
    nothing = np.zeros_like(square)

    assert corrections(nothing, nothing).labels.tolist() == [[0]]


def test_perfect_mask_gets_a_positive_click_on_the_object(square: np.ndarray) -> None:
    click = corrections(square, square)

    assert click.labels.tolist() == [[1]]
    x, y = click.coords[0, 0].int().tolist()
    assert square[0, y, x]
