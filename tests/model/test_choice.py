"""Choosing among candidate masks: the formulas, on masks that can be counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from streamtrack.model.choice import NO_RIVAL, box_overlaps, choose, mask_boxes, rival_overlap


def rectangle(x0: int, y0: int, x1: int, y1: int, size: int = 20) -> Tensor:
    """(size, size) logits, above 0 inside."""
    logits = torch.full((size, size), -5.0)
    logits[y0:y1, x0:x1] = 5.0
    return logits


def test_boxes_are_shares_and_zeros_where_a_mask_is_empty() -> None:
    shown = torch.stack((rectangle(2, 4, 12, 20), torch.full((20, 20), -5.0))) > 0
    assert mask_boxes(shown).tolist() == [[pytest.approx(x) for x in (0.1, 0.2, 0.6, 1.0)], [0.0] * 4]


def test_overlap_is_intersection_over_union() -> None:
    first = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.0, 0.0]])
    second = torch.tensor([[0.0, 0.0, 0.4, 0.2], [0.0, 0.0, 0.0, 0.0]])
    assert box_overlaps(first, second).tolist() == [pytest.approx(0.5), 0.0]


def test_motion_weighs_in_as_samurai_has_it() -> None:
    logits = torch.stack((rectangle(0, 0, 10, 10), rectangle(10, 10, 20, 20)))[None]
    ious = torch.tensor([[0.80, 0.72]])
    there = (0.5, 0.5, 1.0, 1.0)
    # 0.85 * 0.80 + 0.15 * 0 < 0.85 * 0.72 + 0.15 * 1
    assert choose(logits, ious, torch.tensor([[*there, 0.15]])).tolist() == [1]
    # 0.95 * 0.80 + 0.05 * 0 > 0.95 * 0.72 + 0.05 * 1
    assert choose(logits, ious, torch.tensor([[*there, 0.05]])).tolist() == [0]


def test_without_weight_the_best_estimate_wins_bit_for_bit() -> None:
    torch.manual_seed(5)
    logits, ious = torch.randn(64, 3, 8, 8), torch.rand(64, 3)
    assert torch.equal(choose(logits, ious, torch.rand(64, 5) * 0), ious.argmax(dim=1))


def test_a_look_alike_beside_the_mask_leaves_little_of_its_box() -> None:
    own, other = rectangle(0, 0, 8, 8), rectangle(12, 0, 20, 8)
    inside = rectangle(2, 2, 6, 6)
    logits = torch.stack((torch.stack((own, other, inside)), torch.stack((own, own, inside))))
    overlaps = rival_overlap(logits, torch.tensor([0, 0]))
    # The box of both is 20 x 8, of which 8 x 8 is the object's own.
    assert overlaps.tolist() == [pytest.approx(0.4), NO_RIVAL]


def test_specks_and_rims_are_no_rivals() -> None:
    own = rectangle(4, 4, 12, 12)
    rim, speck = rectangle(2, 2, 14, 14), own.clone()
    speck[16:18, 16:18] = 5.0
    logits = torch.stack((own, rim, speck))[None]
    assert rival_overlap(logits, torch.tensor([0])).tolist() == [NO_RIVAL]
    assert rival_overlap(torch.full((1, 3, 8, 8), -5.0), torch.tensor([0])).tolist() == [NO_RIVAL]
