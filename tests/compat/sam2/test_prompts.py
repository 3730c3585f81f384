"""Prompts as sam2's callers write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.compat.sam2.prompts import GivenPoints, join_points, read_mask
from streamtrack.errors import PromptError, ShapeError

FRAME_SIZE, INPUT_SIZE = (100, 200), (256, 256)


def read(points: Any = None, labels: Any = None, box: Any = None, normalize_coords: bool = True) -> Any:
    given = GivenPoints(points, labels, box, normalize_coords=normalize_coords)
    return given.read(1, FRAME_SIZE, INPUT_SIZE)


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([[50, 25]], [1]),
        (np.array([[[50, 25]]], np.float64), np.array([[1]])),
        (torch.tensor([[50.0, 25.0]]), torch.tensor([1], dtype=torch.int32)),
    ],
    ids=["lists", "batched array", "tensors"],
)
def test_points_in_any_container(points: Any, labels: Any) -> None:
    coords, kinds = read(points, labels)
    assert coords.tolist() == [[[64, 64]]]
    assert (kinds.tolist(), kinds.dtype) == ([[1]], torch.int32)


def test_a_box_comes_first_and_shares_may_be_given() -> None:
    coords, kinds = read([[0.5, 0.5]], [0], box=np.array([[0, 0.25, 1, 1]]), normalize_coords=False)
    assert coords.tolist() == [[[0, 64], [256, 256], [128, 128]]]
    assert kinds.tolist() == [[2, 3, 0]]
    joined, labels = join_points((coords, kinds), read([[100, 50]], [1]))
    assert joined[0, -1].tolist() == [128, 128]
    assert labels.tolist() == [[2, 3, 0, 1]]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({"points": [[1, 2]]}, "object 1: points and labels must be given together"),
        ({}, "object 1: neither points nor a box, expected one of them"),
        ({"points": [[1, 2]], "labels": [1, 1]}, "object 1: 2 labels for 1 points, expected one each"),
        (
            {"points": [[1, 2]], "labels": [5]},
            "object 1: labels are [5.0], expected 1 (on the object) or 0 (off it)",
        ),
        ({"points": [[1, 2, 3]], "labels": [1]}, "object 1: points have shape (1, 3), expected (P, 2)"),
        ({"points": [[1, np.nan]], "labels": [1]}, "object 1: points are not finite, expected numbers"),
        ({"points": "here", "labels": [1]}, "object 1: points are str, expected numbers"),
        ({"box": [1, 2, 3]}, "object 1: box has shape (3,), expected x0, y0, x1, y1"),
    ],
)
def test_points_that_cannot_be_meant(prompt: dict[str, Any], message: str) -> None:
    with pytest.raises(PromptError) as raised:
        read(**prompt)
    assert str(raised.value) == message


def test_masks_come_to_the_networks_size() -> None:
    mask = np.zeros((50, 100), bool)
    mask[:25] = True
    scaled = read_mask(1, mask, (256, 256))
    assert scaled.shape == (1, 1, 256, 256)
    assert scaled.sum() == 128 * 256
    assert torch.equal(read_mask(1, scaled[0, 0], (256, 256)), scaled)
    for wrong in (mask[None], np.zeros((0, 4), bool)):
        with pytest.raises(ShapeError, match=r"^object 1: mask has shape .*, expected \(H, W\)$"):
            read_mask(1, wrong, (256, 256))
