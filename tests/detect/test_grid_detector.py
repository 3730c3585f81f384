"""Everything with an outline, on a scene whose things are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamtrack.config import GridAutoprompt
from streamtrack.detect import box_iou
from streamtrack.detect.grid_detector import (
    GridDetector,
    Piece,
    each_once,
    grid_points,
    load_grid_detector,
    stability,
)
from streamtrack.scenes.scene import Scene, SceneOptions


@pytest.fixture(scope="module")
def looking() -> GridDetector:
    return load_grid_detector(GridAutoprompt(points_per_side=10))


def test_things_of_a_scene_are_found_once_each(looking: GridDetector) -> None:
    image, masks = Scene(SceneOptions("demo", 480, 270)).render(0)
    found = looking.detect(image)
    truth = [np.argwhere(mask) for mask in masks.values() if mask.sum() > 0.002 * mask.size]
    boxes = [(*places.min(axis=0)[::-1], *(places.max(axis=0)[::-1] + 1)) for places in truth]
    best = [max(box_iou(one.box, (x0, y0, x1, y1)) for one in found) for x0, y0, x1, y1 in boxes]
    assert sum(overlap > 0.6 for overlap in best) >= len(boxes) / 2, best
    pairs = [box_iou(one.box, other.box) for one in found for other in found if one is not other]
    assert max(pairs, default=0) < 0.8
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_points_lie_apart_evenly_and_off_the_edge() -> None:
    points = grid_points(200, 100, 4)
    assert points == [(25 + 50 * x, 25 + 50 * y) for y in range(2) for x in range(4)]
    assert grid_points(100, 7, 3) == [(100 / 6, 3.5), (50, 3.5), (500 / 6, 3.5)]


def test_stability_is_the_overlap_of_higher_and_lower_cuts() -> None:
    logits = torch.tensor([[[3.0, 0.5, -0.5, -3.0]], [[5.0, 5.0, -5.0, -5.0]], [[-5.0, -5.0, -5.0, -5.0]]])
    assert stability(logits, 1.0).tolist() == [pytest.approx(1 / 3), 1.0, 0.0]


def test_of_masks_that_overlap_or_lie_in_each_other_the_surest_stays() -> None:
    def piece(score: float, x0: int, x1: int) -> Piece:
        mask = np.zeros((8, 40), np.bool_)
        mask[:, x0:x1] = True
        return Piece(score, mask, (x0, 0, x1, 8))

    whole, shifted, part, other = piece(0.9, 0, 20), piece(0.8, 2, 22), piece(0.95, 5, 8), piece(0.7, 24, 40)
    assert each_once([whole, shifted, other], 0.5) == [whole, other]
    assert each_once([whole, part, other], 0.5) == [part, other]
