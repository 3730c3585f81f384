"""Losses: right masks cost nothing, hidden objects only their visibility, the best candidate counts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.losses import HIDDEN_WEIGHT, Heads, frame_loss, true_ious


@pytest.fixture
def truth() -> Tensor:
    """(1, 64, 64), a square on stride-4 borders, so that low-resolution logits can be exact."""
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[:, 16:48, 16:48] = True
    return mask


def heads(truth: Tensor, right: tuple[bool, bool, bool, bool], iou: float, score: float) -> Heads:
    """Sure masks at stride 4, each right or empty."""
    exact = torch.where(truth[:, None, ::4, ::4], 30.0, -30.0)
    masks = torch.cat([exact if is_right else torch.full_like(exact, -30.0) for is_right in right], 1)
    return Heads(masks, torch.full((1, 4), iou), torch.full((1, 1), score))


def test_right_masks_cost_almost_nothing(truth: Tensor) -> None:
    loss = frame_loss(heads(truth, (True,) * 4, iou=1.0, score=20.0), truth, multimask=True)

    assert loss < 0.35  # upscaling by two blurs the border: about 1 % of the pixels, of logits of 15


def test_one_right_candidate_is_enough_where_the_rule_chooses(truth: Tensor) -> None:
    several = heads(truth, (False, False, True, False), iou=1.0, score=20.0)

    assert frame_loss(several, truth, multimask=True) < frame_loss(several, truth, multimask=False)


def test_hidden_object_costs_only_a_wrong_word_on_visibility() -> None:
    nothing = torch.zeros(1, 64, 64, dtype=torch.bool)
    wrong_masks = heads(~nothing, (True,) * 4, iou=1.0, score=-20.0)
    said_visible = heads(~nothing, (True,) * 4, iou=1.0, score=20.0)

    assert frame_loss(wrong_masks, nothing, multimask=True) == pytest.approx(0, abs=1e-6)
    assert frame_loss(said_visible, nothing, multimask=True) == pytest.approx(20 * HIDDEN_WEIGHT, rel=1e-3)


def test_true_iou_of_a_shifted_square() -> None:
    soft = torch.zeros(1, 1, 8, 8)
    soft[..., 0:4, 0:4] = 1
    logits = torch.full((1, 1, 8, 8), -1.0)
    logits[..., 0:4, 2:6] = 1

    assert true_ious(logits, soft).item() == pytest.approx(8 / 24)
