"""Which of the masks that a network offers an object gets, and whether another of them shows a look-alike.

Tensors alone, without a wait for the device. Boxes are x0, y0, x1, y1 as shares of what the network is shown.
"""

from __future__ import annotations

import torch
from torch import Tensor

NO_RIVAL = 1.0
"""`rival_overlap` where no other mask reaches beside the chosen one."""


def mask_boxes(shown: Tensor) -> Tensor:
    """(..., 4) boxes of (..., h, w) bool masks; zeros where one is empty."""
    # On a CPU `any` takes ten times as long as the greatest byte.
    cells = shown.to(torch.uint8)
    return _boxes(cells.amax(dim=-1), cells.amax(dim=-2))


def _boxes(rows: Tensor, columns: Tensor) -> Tensor:
    """Of (..., h) rows and (..., w) columns, 1 where a mask has anything, uint8."""
    height, width = rows.shape[-1], columns.shape[-1]
    x0, y0 = columns.argmax(dim=-1), rows.argmax(dim=-1)
    x1, y1 = width - columns.flip(-1).argmax(dim=-1), height - rows.flip(-1).argmax(dim=-1)
    boxes = torch.stack((x0 / width, y0 / height, x1 / width, y1 / height), dim=-1)
    return boxes * rows.amax(dim=-1)[..., None]


def box_overlaps(first: Tensor, second: Tensor) -> Tensor:
    """(...) intersection over union of (..., 4) boxes; 0 where both are empty."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    both = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(dim=-1) for boxes in (first, second)]
    return both / (areas[0] + areas[1] - both).clamp(min=1e-12)


def choose(logits: Tensor, ious: Tensor, expected: Tensor) -> Tensor:
    """(B,) the candidate with the best weighted score: a * motion IoU + (1 - a) * estimated IoU.

    Source: SAMURAI, arXiv:2411.11922, equation 7; `kf_score_weight` there. With a = 0 it is SAM 2's choice.

    Args:
        logits: (B, K, h, w) of the candidates.
        ious: (B, K), the network's estimates.
        expected: (B, 5), see `MemoryRead.expected`.
    """
    rows, columns = ((logits.amax(dim=dim) > 0).to(torch.uint8) for dim in (-1, -2))
    motion = box_overlaps(_boxes(rows, columns), expected[:, None, :4])
    weight = expected[:, 4:]
    return (weight * motion + (1 - weight) * ious).argmax(dim=1)


def rival_overlap(logits: Tensor, chosen: Tensor) -> Tensor:
    """(B,) how little of the object's box is left once another candidate is added to it, 0 to 1.

    Of each other mask counts what lies beside the chosen one and is three pixels wide; IoU of the box of the
    chosen mask and that of both, the least over the others.

    Source: DAM4SAM, arXiv:2411.17576, section 3.2; it takes the largest connected piece of each other mask.

    Args:
        logits: (B, K, h, w) of the candidates.
        chosen: (B,) which of them was taken.
    """
    shown = logits > 0
    own = shown.gather(1, chosen.view(-1, 1, 1, 1).expand(-1, 1, *shown.shape[2:]))
    beside = shown & ~own
    # Eroded: specks and thin rims are no look-alikes. Dilated again its box is a pixel wider on each side.
    rows = beside[..., :-2, :] & beside[..., 1:-1, :] & beside[..., 2:, :]
    core = rows[..., :-2] & rows[..., 1:-1] & rows[..., 2:]
    height, width = shown.shape[-2:]
    (x0, y0, x1, y1), own_box = mask_boxes(core).unbind(-1), mask_boxes(own)
    both = torch.stack(
        (
            torch.minimum(own_box[..., 0], x0 * (width - 2) / width),
            torch.minimum(own_box[..., 1], y0 * (height - 2) / height),
            torch.maximum(own_box[..., 2], (x1 * (width - 2) + 2) / width),
            torch.maximum(own_box[..., 3], (y1 * (height - 2) + 2) / height),
        ),
        dim=-1,
    )
    there = (x1 > 0) & (own_box[..., 2] > 0)  # boxes of empty masks are zeros
    overlaps = torch.where(there, box_overlaps(own_box.expand_as(both), both), NO_RIVAL)
    return overlaps.amin(dim=1)
