"""Prompts as transformers nests them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.compat.transformers.prompts import (
    FILLER,
    by_object,
    read_masks,
    read_nested,
    read_object_ids,
)
from streamtrack.errors import PromptError, ShapeError

SIZE = (100, 200)


def read(points: Any = None, labels: Any = None, boxes: Any = None, *, ids: Any = 1) -> Any:
    return by_object(read_object_ids(ids), read_nested(points, labels, boxes), SIZE)


@pytest.mark.parametrize(
    "wrap", [list, np.array, torch.tensor, lambda values: torch.tensor(values, dtype=torch.float64)]
)
def test_points_in_any_container(wrap: Any) -> None:
    ((coords, kinds),) = read(wrap([[[[50, 25], [100, 50]]]]), wrap([[[1, 0]]]))
    assert coords.tolist() == [[[0.25, 0.25], [0.5, 0.5]]]
    assert (kinds.tolist(), kinds.dtype) == ([[1, 0]], torch.int32)


def test_a_box_comes_first_and_short_lists_are_filled_up() -> None:
    first, second = read(
        [[[[20, 10], [40, 20]], [[60, 30]]]],
        [[[1, 0], [1]]],
        [[[0, 0, 200, 100], [100, 50, 200, 100]]],
        ids=(5, np.int64(3)),
    )
    assert first[1].tolist() == [[2, 3, 1, 0]]
    assert second[1].tolist() == [[2, 3, 1, FILLER]]
    assert second[0][0, :3].tolist() == pytest.approx(np.array([[0.5, 0.5], [1, 1], [0.3, 0.3]]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "neither input_points nor input_boxes nor input_masks, expected one of them"),
        ({"points": [[[[1, 2]]]]}, "input_points and input_labels must be given together"),
        (
            {"points": [[[1, 2]]], "labels": [[[1]]]},
            "input_points are nested 3 deep, expected 4: [image, object, point, coordinate]",
        ),
        (
            {"points": [[[[1, 2]]]], "labels": [[1]]},
            "input_labels are nested 2 deep, expected 3: [image, object, point]",
        ),
        (
            {"points": [[[[1, 2]]], [[[1, 2]]]], "labels": [[[1]]]},
            "input_points are of 2 images, expected 1: a frame at a time",
        ),
        (
            {"points": [[[[1, 2], [3, 4]]]], "labels": [[[1]]]},
            "input_labels are [1] by object, expected [2]: a label for each point",
        ),
        ({"points": [[[[1, 2, 3]]]], "labels": [[[1]]]}, "input_points hold [1, 2, 3], expected x, y"),
        (
            {"points": [[[[1, 2]]]], "labels": [[[7]]]},
            "input_labels hold 7, expected 1 (on the object) or 0 (off it)",
        ),
        ({"points": [[[[1, np.nan]]]], "labels": [[[1]]]}, "input_points hold nan, expected numbers"),
        (
            {"points": [[[[1, 2]], [3]]], "labels": [[[1], [1]]]},
            "input_points are nested unevenly, expected [image, object, point, coordinate]",
        ),
        ({"boxes": [[[1, 2, 3]]]}, "input_boxes hold [1, 2, 3], expected x0, y0, x1, y1"),
        (
            {"boxes": [[[1, 2, 3, 4]]], "ids": [1, 2]},
            "input_boxes are of 1 objects, expected 2: one for each id",
        ),
        ({"boxes": [[[1, 2, 3, 4]]], "ids": [1, 1]}, "obj_ids are [1, 1], expected ids that differ"),
    ],
)
def test_prompts_that_cannot_be_meant(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PromptError) as raised:
        read(**given)
    assert str(raised.value) == message


def test_masks() -> None:
    plane = np.zeros((4, 6), bool)
    assert [mask.shape for mask in read_masks([1, 2], [plane, torch.zeros(1, 1, 3, 5)])] == [(4, 6), (3, 5)]
    assert [mask.shape for mask in read_masks([1, 2], np.zeros((2, 4, 6)))] == [(4, 6), (4, 6)]
    assert len(read_masks([1], plane)) == 1
    with pytest.raises(PromptError, match=r"^input_masks are 1, expected 2: a mask for each id$"):
        read_masks([1, 2], plane)
    with pytest.raises(ShapeError, match=r"^object 4: mask has shape \(3, 4, 6\), expected \(H, W\)$"):
        read_masks([4], np.zeros((3, 4, 6), bool))
    with pytest.raises(ShapeError, match=r"^object 4: mask has shape \(0, 4\), expected \(H, W\)$"):
        read_masks([4], np.zeros((0, 4), bool))
