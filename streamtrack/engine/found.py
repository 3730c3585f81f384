"""What the engine found of a slot on a frame, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.engine.read_plan import Evidence
from streamtrack.engine.shown_box import shown_box
from streamtrack.engine.view import View
from streamtrack.model.choice import NO_RIVAL
from streamtrack.model.interface import Candidates, MaskPrediction, Size


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One slot on one frame, on the host."""

    low_res_mask_logits: NDArray[np.float32]
    """(h, w), valid until the follower is called again."""
    object_score: float
    """Probability that the object is visible, 0 to 1."""
    iou_score: float
    """The network's estimate of the mask's IoU, 0 to 1."""
    finite: bool
    """False: the network's numbers were not finite. The mask is the frame before's, the scores are 0, and
    nothing was remembered."""
    view: View | None = None
    """The window that the mask is of; None: the whole picture."""
    rival: float = NO_RIVAL
    """How little of its box is left where another candidate is added, 0 to 1, see `choice.rival_overlap`."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a prompt would make of a slot on a frame; nothing is remembered yet."""

    found: Found
    frame_idx: int
    view: View | None
    prediction: MaskPrediction
    memory_features: Tensor | None
    """(1, L, M): what it leaves in memory; None: nobody asked yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """The masks that the network offered for one prompt, on the host."""

    low_res_mask_logits: NDArray[np.float32]
    """(K, h, w)."""
    iou_scores: NDArray[np.float32]
    """(K,), the network's estimates, 0 to 1."""
    view: View | None
    """The window that the masks are of; None: the whole picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """What a prompt did to a slot."""

    found: Found
    evicted: int | None
    """The conditioning frame that had to go, if one had."""
    offered: Offered | None
    """The masks among which the network chose, where there were several."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """A frame of a replay as memory alone finds it, and after each of its prompts."""

    frame_idx: int
    found: Found
    conditioned: Conditioned | None = None
    """None: by memory alone."""
    prompt: int = -1
    """Which of the frame's prompts conditioned it, from 0."""


def to_found(
    logits: NDArray[np.float32],
    scores: NDArray[np.float32],
    finite: Sequence[bool],
    views: Sequence[View | None],
) -> list[Found]:
    """B slots on one frame, of mask logits (B, h, w) and of score logits, IoU scores and rivals (B, 3)."""
    object_scores = torch.sigmoid(torch.from_numpy(scores[:, 0])).tolist()
    iou_scores = scores[:, 1].tolist()
    rivals = scores[:, 2].tolist()
    return [
        Found(low_res, object_score, min(max(iou_score, 0.0), 1.0), is_finite, view, rival)
        for low_res, object_score, iou_score, is_finite, view, rival in zip(
            logits, object_scores, iou_scores, finite, views, rivals, strict=True
        )
    ]


def redraw_prediction(prediction: MaskPrediction, logits: Tensor) -> MaskPrediction:
    """A prediction with other masks, (B, h, w) logits; of the estimate of their IoU is left what is left
    of the masks."""
    before, after = prediction.low_res_mask_logits > 0, logits > 0
    left = (before & after).sum(dim=(1, 2)) / before.sum(dim=(1, 2)).clamp(min=1)
    return replace(prediction, low_res_mask_logits=logits, iou_scores=prediction.iou_scores * left)


def to_offered(candidates: Candidates | None, view: View | None) -> Offered | None:
    """The masks among which the network chose, seen through a window."""
    if candidates is None:
        return None
    return Offered(candidates.low_res_mask_logits.cpu().numpy(), candidates.iou_scores.cpu().numpy(), view)


def evidence_of(found: Found, frame_size: Size) -> Evidence:
    """What a plan may ask of a frame; `frame_size` is the picture's, H, W in pixels."""
    box = _box(found.low_res_mask_logits)
    if box is not None and found.view is not None:
        box = found.view.share_of(box, frame_size)
    return Evidence(found.object_score, found.iou_score, box)


def _box(logits: NDArray[np.float32]) -> tuple[float, float, float, float] | None:
    x0, y0, columns, rows = shown_box(logits > 0)
    if rows == 0:
        return None
    height, width = logits.shape
    return x0 / width, y0 / height, (x0 + columns) / width, (y0 + rows) / height
