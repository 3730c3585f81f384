"""The network run over a clip as the tracker runs it, with gradients and with its loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.model.nano.mobilenet_trunk import IMAGE_MEAN, IMAGE_STD
from training.losses import Heads, frame_loss
from training.prompts import Points, PromptKind, boxes_on, clicks_on, corrections

POINTER_FRAMES = 16
"""Ages of object pointers are divided by this less one, as on an endless stream."""
NO_OBJECT_LOGIT = -1024.0
"""SAM 2's mask logit of an object that is hidden."""


@dataclass(frozen=True)
class Plan:
    """What the simulated user does on a clip."""

    first: PromptKind
    """The prompt on frame 0."""
    clicks: dict[int, int] = field(default_factory=dict)
    """Number of corrective clicks by frame."""


@dataclass(frozen=True)
class Unrolled:
    """What came of a clip."""

    loss: Tensor
    """Scalar, mean over the frames that a decoder ran on."""
    ious: Tensor
    """(N, T) IoU of the published masks; 1 where object and mask are both absent."""
    object_score_logits: Tensor
    """(N, T)."""


def normalise(frames: Tensor) -> Tensor:
    """(B, T, S, S, 3) uint8 RGB to (B, T, 3, S, S) as the image encoder takes it, on the same device."""
    mean, std = (
        torch.tensor(values, device=frames.device).view(3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD)
    )
    return ((frames.permute(0, 1, 4, 2, 3).float() / 255 - mean) / std).contiguous()


def unroll(
    network: Any, images: Tensor, masks: Tensor, plan: Plan, rng: np.random.Generator | None = None
) -> Unrolled:
    """Track K objects through each of B clips.

    Args:
        network: a SAM2Base; its mode decides what SAM 2 makes of it.
        images: (B, T, 3, S, S), normalised.
        masks: (B, K, T, S, S) bool, all visible on frame 0.
        plan: the prompts.
        rng: where prompts are drawn from; None: the innermost point and the exact box.
    """
    num_clips, num_frames = images.shape[:2]
    num_targets = masks.shape[1]
    truth = masks.flatten(0, 1)
    _, features, positions, sizes = network._prepare_backbone_features(
        network.forward_image(images.flatten(0, 1))
    )
    bank: dict[str, dict[int, dict[str, Any]]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    losses, ious, scores = [], [], []
    for t in range(num_frames):
        rows = (torch.arange(num_clips, device=images.device) * num_frames + t).repeat_interleave(num_targets)
        frame = _Frame(t, [f[:, rows] for f in features], [p[:, rows] for p in positions], sizes)
        output, frame_losses = _track_frame(network, frame, truth[:, t], plan, bank, rng)
        prompted = t == 0 or plan.clicks.get(t, 0) > 0
        if t + 1 < num_frames:  # nobody reads the last frame's memory, a third of a single picture's cost
            output |= _remember(network, frame, output, (truth.shape[-2], truth.shape[-1]), prompted)
        losses += frame_losses
        ious.append(_published_ious(output, truth[:, t]))
        scores.append(output["object_score_logits"][:, 0].detach())
        bank["cond_frame_outputs" if prompted else "non_cond_frame_outputs"][t] = output
    loss = torch.stack(losses).mean() if losses else images.new_zeros(())
    return Unrolled(loss, torch.stack(ious, 1), torch.stack(scores, 1))


@dataclass(frozen=True)
class _Frame:
    """Features of one frame, repeated for each object: (HW, N, C) per level."""

    index: int
    features: list[Tensor]
    positions: list[Tensor]
    sizes: Sequence[tuple[int, int]]

    def fine(self) -> list[Tensor]:
        """The levels that the decoder reads beside the memory's output, (N, C, H, W)."""
        return [
            f.permute(1, 2, 0).view(f.shape[1], f.shape[2], *size)
            for f, size in zip(self.features[:-1], self.sizes[:-1], strict=True)
        ]


def _track_frame(
    network: Any,
    frame: _Frame,
    truth: Tensor,
    plan: Plan,
    bank: dict[str, dict[int, dict[str, Any]]],
    rng: np.random.Generator | None,
) -> tuple[dict[str, Any], list[Tensor]]:
    first = frame.index == 0
    true_masks = truth.cpu().numpy()
    losses: list[Tensor] = []
    points: Points | None = None
    if first and plan.first is PromptKind.MASK:
        low, pointer, score = _take_mask(network, frame, truth)
    else:
        pixels = network._prepare_memory_conditioned_features(
            frame_idx=frame.index,
            is_init_cond_frame=first,
            current_vision_feats=frame.features[-1:],
            current_vision_pos_embeds=frame.positions[-1:],
            feat_sizes=frame.sizes[-1:],
            output_dict=bank,
            num_frames=POINTER_FRAMES,
        )
        if first:
            drawn = boxes_on(true_masks, rng) if plan.first is PromptKind.BOX else clicks_on(true_masks, rng)
            points = drawn.to(truth.device)
        low, pointer, score, loss = _decode(network, frame, pixels, points, None, truth)
        losses.append(loss)
        for _ in range(plan.clicks.get(frame.index, 0)):
            predicted = (upscale(low, truth.shape[-1]) > 0).cpu().numpy()
            click = corrections(predicted, true_masks).to(truth.device)
            points = click if points is None else points.with_more(click)
            previous = low.detach().clamp(-32, 32)
            low, pointer, score, loss = _decode(network, frame, pixels, points, previous, truth)
            losses.append(loss)
    return {"pred_masks": low, "obj_ptr": pointer, "object_score_logits": score}, losses


def _remember(
    network: Any, frame: _Frame, output: dict[str, Any], size: tuple[int, int], prompted: bool
) -> dict[str, Any]:
    """What memory attention reads of a frame later on."""
    high = F.interpolate(output["pred_masks"], size, mode="bilinear", align_corners=False)
    memory, position = network._encode_new_memory(
        frame.features, frame.sizes, high, output["object_score_logits"], is_mask_from_pts=prompted
    )
    return {"maskmem_features": memory, "maskmem_pos_enc": position}


def _decode(
    network: Any, frame: _Frame, pixels: Tensor, points: Points | None, previous: Tensor | None, truth: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Decode all four masks, choose as SAM 2 does: low-res logits, pointer, object score, loss."""
    count = len(truth)
    nothing = Points(torch.zeros(count, 1, 2), -torch.ones(count, 1, dtype=torch.int32))
    prompt = points or nothing.to(truth.device)
    sparse, dense = network.sam_prompt_encoder((prompt.coords, prompt.labels), None, previous)
    masks, ious, tokens, score = network.sam_mask_decoder.predict_masks(
        image_embeddings=pixels,
        image_pe=network.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=frame.fine(),
    )
    multimask = prompt.labels.shape[1] <= network.multimask_max_pt_num
    loss = frame_loss(Heads(masks, ious, score), truth, multimask=multimask)
    choice = 1 + ious[:, 1:].argmax(1) if multimask else torch.zeros_like(ious[:, 0]).long()
    rows = torch.arange(count, device=truth.device)
    visible = (score > 0).float()
    low = torch.where(visible[:, :, None, None] > 0, masks[rows, choice][:, None].float(), NO_OBJECT_LOGIT)
    pointer = visible * network.obj_ptr_proj(tokens[rows, choice]) + (1 - visible) * network.no_obj_ptr
    return low, pointer, score, loss


def _take_mask(network: Any, frame: _Frame, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    coarse = frame.features[-1]
    pixels = coarse.permute(1, 2, 0).view(coarse.shape[1], coarse.shape[2], *frame.sizes[-1])
    _, _, _, low, _, pointer, score = network._use_mask_as_output(
        pixels, frame.fine(), truth[:, None].float()
    )
    return low, pointer, score


def upscale(low: Tensor, side_px: int) -> Tensor:
    """(N, 1, h, w) logits to (N, side, side)."""
    return F.interpolate(low.detach().float(), (side_px, side_px), mode="bilinear", align_corners=False)[:, 0]


@torch.no_grad()
def _published_ious(output: dict[str, Any], truth: Tensor) -> Tensor:
    mask = (upscale(output["pred_masks"], truth.shape[-1]) > 0) & (output["object_score_logits"] > 0)[
        :, :, None
    ]
    overlap = (mask & truth).flatten(1).sum(1).float()
    union = (mask | truth).flatten(1).sum(1).float()
    return torch.where(union > 0, overlap / union.clamp(min=1), 1.0)
