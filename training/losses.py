"""What the network is punished for: wrong masks, wrong estimates of their quality, wrong visibility."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

CROSS_ENTROPY_WEIGHT = 4.0
"""Weight of the pixels' cross entropy beside dice: with SAM 2's focal loss it never left the empty mask."""
BOUNDARY_WEIGHT, BOUNDARY_PX = 2.0, 7
"""Additional weight of pixels near the true outline, and the width of that band at the loss's resolution."""
OTHER_RULE_WEIGHT = 0.3
"""Weight of the masks that the prompt's rule does not choose from; the stability fallback may."""
HIDDEN_WEIGHT = 5.0
"""Weight of the object score's loss where the target is hidden."""
LOSS_STRIDE = 2
"""Masks are compared at half the input's resolution: a quarter of the cost, no measurable difference."""


@dataclass(frozen=True)
class Heads:
    """Raw outputs of the mask decoder on one frame."""

    mask_logits: Tensor
    """(N, 4, H/4, W/4): the single mask, then three candidates."""
    iou_scores: Tensor
    """(N, 4), estimated quality of each, 0 to 1."""
    object_score_logits: Tensor
    """(N, 1), above 0 means visible."""


def frame_loss(heads: Heads, truth: Tensor, *, multimask: bool) -> Tensor:
    """Loss of one frame, a scalar.

    Args:
        truth: (N, S, S) bool; an empty mask means that the object is hidden.
        multimask: whether the prompt's rule chooses among the three candidates, or takes the single mask.
    """
    size = truth.shape[-1] // LOSS_STRIDE
    soft = F.avg_pool2d(truth[:, None].float(), LOSS_STRIDE)
    logits = F.interpolate(heads.mask_logits.float(), (size, size), mode="bilinear", align_corners=False)
    visible = truth.flatten(1).any(1).float()
    per_mask = mask_losses(logits, soft)
    candidates, single = per_mask[:, 1:].min(1).values, per_mask[:, 0]
    chosen, other = (candidates, single) if multimask else (single, candidates)
    quality = (heads.iou_scores.float() - true_ious(logits, soft)).abs()
    masks = ((chosen + OTHER_RULE_WEIGHT * other + quality.mean(1)) * visible).mean()
    # Hidden targets are rare; unweighted, the score learns to say "visible" always.
    weight = torch.where(visible > 0, 1.0, HIDDEN_WEIGHT)
    score = heads.object_score_logits[:, 0].float()
    return masks + F.binary_cross_entropy_with_logits(score, visible, weight=weight)


def mask_losses(logits: Tensor, soft: Tensor) -> Tensor:
    """Cross entropy and dice of (N, M, S, S) logits against (N, 1, S, S) shares: (N, M)."""
    truth = soft.expand_as(logits)
    probability = logits.sigmoid()
    reach = BOUNDARY_PX // 2
    wide = F.max_pool2d(soft, BOUNDARY_PX, 1, reach)
    narrow = -F.max_pool2d(-soft, BOUNDARY_PX, 1, reach)
    weight = 1 + BOUNDARY_WEIGHT * (wide - narrow)
    entropy = (weight * F.binary_cross_entropy_with_logits(logits, truth, reduction="none")).mean((2, 3))
    overlap = (probability * truth).sum((2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum((2, 3)) + truth.sum((2, 3)) + 1)
    return CROSS_ENTROPY_WEIGHT * entropy + dice


@torch.no_grad()
def true_ious(logits: Tensor, soft: Tensor) -> Tensor:
    """IoU of (N, M, S, S) logits with (N, 1, S, S) shares: (N, M)."""
    mask, truth = logits > 0, soft > 0.5
    return (mask & truth).sum((2, 3)) / (mask | truth).sum((2, 3)).clamp(min=1)
