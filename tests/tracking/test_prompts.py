from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamtrack.errors import PromptError, ShapeError
from streamtrack.tracking.prompts import Prompt, check_prompt

SIZE = (100, 200)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({}, "object 3: the prompt is empty, expected points, a box or a mask"),
        ({"points": []}, "object 3: the prompt is empty, expected points, a box or a mask"),
        ({"points": [(200, 5)]}, "object 3: point 0 is (200, 5), expected inside the frame of 200 x 100"),
        (
            {"points": [(1, 1), (5, -1)]},
            "object 3: point 1 is (5, -1), expected inside the frame of 200 x 100",
        ),
        ({"points": [(1, 2, 3)]}, "object 3: points have shape (1, 3), expected (P, 2)"),
        ({"points": [(1, float("nan"))]}, "object 3: points are [[1.0, nan]], expected finite numbers"),
        ({"points": [("a", 1)]}, "object 3: points are [('a', 1)], expected numbers"),
        ({"points": [(1, 2)], "labels": [1, 0]}, "object 3: 2 labels for 1 points, expected one each"),
        (
            {"points": [(1, 2)], "labels": [4]},
            "object 3: label 0 is 4, expected 1 (on the object) or 0 (off it)",
        ),
        (
            {"points": [(1, 2)], "labels": [0]},
            "object 3: every point has label 0, expected at least one on the object (label 1)",
        ),
        ({"box": (10, 10, 10, 50)}, "object 3: box is (10, 10, 10, 50), expected x0 < x1 and y0 < y1"),
        (
            {"box": (250, 10, 260, 50)},
            "object 3: box is (250, 10, 260, 50), expected inside the frame of 200 x 100",
        ),
        ({"box": (1, 2, 3)}, "object 3: box has shape (3,), expected x0, y0, x1, y1"),
        (
            {"box": (1, 2, 30, 40), "mask": np.ones(SIZE, np.bool_)},
            "object 3: a mask came with points or a box, expected one or the other",
        ),
        ({"mask": np.zeros(SIZE, np.bool_)}, "object 3: mask is empty, expected at least one pixel"),
    ],
)
def test_prompt_that_does_not_fit_is_refused(prompt: dict[str, Any], message: str) -> None:
    with pytest.raises(PromptError) as caught:
        check_prompt(Prompt(3, **prompt), SIZE, starts_object=True)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((200, 100), np.bool_), "mask has shape (200, 100), expected (100, 200) as the frame"),
        (np.ones(SIZE, np.float32), "mask has dtype float32, expected bool"),
    ],
)
def test_mask_of_another_shape_is_refused(mask: np.ndarray, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        check_prompt(Prompt(3, mask=mask), SIZE, starts_object=True)
    assert str(caught.value) == f"object 3: {message}"


def test_box_comes_before_points_and_is_cut_at_the_edge() -> None:
    prompt = Prompt(1, points=[(20, 30)], labels=[0], box=(-5, 10, 60, 400))
    checked = check_prompt(prompt, SIZE, starts_object=True)
    assert checked.coords.tolist() == [[0, 10], [60, 100], [20, 30]]
    assert checked.labels.tolist() == [2, 3, 0]


def test_correction_may_be_negative_only() -> None:
    checked = check_prompt(Prompt(1, points=[(5, 5)], labels=[0]), SIZE, starts_object=False)
    assert checked.labels.tolist() == [0]
