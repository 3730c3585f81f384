"""SAM 2's mask decoder over B objects at once: the best of its candidates, and the pointer that it leaves.

Source: SAM 2, arXiv:2408.00714; `sam2/modeling/sam2_base.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor

from streamtrack.model.choice import choose, rival_overlap
from streamtrack.model.interface import Candidates, MaskPrediction, Size
from streamtrack.model.sam2.tokens import to_map

MASK_PROMPT_LOGIT = 10.0
"""A mask prompt becomes logits of plus and minus this (upstream: out_scale 20, out_bias -10)."""
CORRECTION_LOGIT_LIMIT = 32.0
"""Previous logits are clamped to this before they prompt a correction (upstream: rare numerical issues)."""
FILLER_LABEL = -10
"""Of a point that only fills a list up, as transformers does where objects have unequally many: it is read as
zeros, and counts as a point."""

HighRes = tuple[Tensor, Tensor]
"""(1, C / 8, 4r, 4c) and (1, C / 4, 2r, 2c), already projected for the mask decoder."""


class MaskDecoder:
    """Decodes masks from features that are conditioned on memory, (B, r * c, C) as rows of tokens.

    Args:
        grid: r, c: rows and columns of the feature map at stride 16.
    """

    def __init__(self, module: SAM2Base, grid: Size) -> None:
        self._module = module
        self._grid = grid
        self._dense_position = _image_position(module.sam_prompt_encoder)
        self._no_prompt: tuple[Tensor, Tensor] = module.sam_prompt_encoder(
            points=self._no_points(), boxes=None, masks=None
        )

    def decode_unprompted(
        self,
        high_res: HighRes,
        conditioned: Tensor,
        expected: Tensor | None = None,
        *,
        wants_rivals: bool = True,
    ) -> MaskPrediction:
        """Masks of B objects that memory alone points out; the rest as of `MemoryRead`."""
        batch = conditioned.shape[0]
        sparse, dense = self._no_prompt
        sparse, dense = sparse.expand(batch, -1, -1), dense.expand(batch, -1, -1, -1)
        offered = self._offer(high_res, conditioned, sparse, dense, self._wants_multimask(0))
        if expected is None:
            return self._choose(*offered)
        logits, ious, _, _ = offered
        chosen = choose(logits, ious, expected)
        prediction = self._choose(*offered, chosen)
        return replace(prediction, rivals=rival_overlap(logits, chosen)) if wants_rivals else prediction

    def decode_points(
        self,
        high_res: HighRes,
        conditioned: Tensor,
        coords: Tensor,
        labels: Tensor,
        previous_logits: Tensor | None,
        candidate: int | None = None,
    ) -> MaskPrediction:
        """The mask of one object that points or a box point out; see `Network.decode_points`."""
        mask = previous_logits
        if mask is not None:
            mask = mask[:, None].clamp(-CORRECTION_LOGIT_LIMIT, CORRECTION_LOGIT_LIMIT)
        sparse, dense = self._module.sam_prompt_encoder(points=(coords, labels), boxes=None, masks=mask)
        # Behind the given points comes what stands for "no box"; it stays.
        filler = F.pad(labels == FILLER_LABEL, (0, sparse.shape[1] - labels.shape[1]))
        sparse = sparse.masked_fill(filler[..., None], 0)
        logits, ious, tokens, score = self._offer(
            high_res, conditioned, sparse, dense, self._wants_multimask(coords.shape[1])
        )
        chosen = None if candidate is None else torch.tensor([candidate], device=logits.device)
        prediction = self._choose(logits, ious, tokens, score, chosen)
        if logits.shape[1] == 1:
            return prediction
        shown = torch.where(score[..., None] > 0, logits[0], NO_OBJ_SCORE).float()
        return replace(prediction, candidates=Candidates(shown, ious[0].float()))

    def adopt_mask(
        self, high_res: HighRes, tokens: Tensor, mask: Tensor, *, candidates: bool = False
    ) -> MaskPrediction:
        """Take a given mask as the prediction; the decoder only makes its object pointer.

        Args:
            tokens: (1, r * c, C), the frame without memory.
            mask: (1, 1, H, W) float32, 0 or 1.
            candidates: see `Network.adopt_mask`.
        """
        module = self._module
        mask_logits = (2 * mask - 1) * MASK_PROMPT_LOGIT
        low_res = F.interpolate(
            mask_logits, scale_factor=0.25, mode="bilinear", antialias=True, align_corners=False
        )
        sparse, dense = module.sam_prompt_encoder(
            points=self._no_points(), boxes=None, masks=module.mask_downsample(mask)
        )
        decoded = self._decode(high_res, tokens, sparse, dense, multimask=candidates)
        # Whether the object is there is read off the given mask, not off the decoder.
        visible = (mask > 0).flatten(1).any(dim=1, keepdim=True).to(module.no_obj_ptr.dtype)
        return MaskPrediction(
            low_res_mask_logits=low_res[:, 0].float(),
            object_score_logits=(2 * visible - 1).float() * MASK_PROMPT_LOGIT,
            iou_scores=torch.ones(1, device=mask.device),
            object_pointers=self._hide_pointers(decoded.object_pointers, visible),
        )

    def _decode(
        self, high_res: HighRes, conditioned: Tensor, sparse: Tensor, dense: Tensor, multimask: bool
    ) -> MaskPrediction:
        return self._choose(*self._offer(high_res, conditioned, sparse, dense, multimask))

    def _offer(
        self, high_res: HighRes, conditioned: Tensor, sparse: Tensor, dense: Tensor, multimask: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """K masks of B objects: logits (B, K, h, w), IoU estimates (B, K), output tokens (B, 1 or K, C),
        object score logits (B, 1)."""
        module, batch = self._module, conditioned.shape[0]
        offered: tuple[Tensor, Tensor, Tensor, Tensor] = module.sam_mask_decoder(
            image_embeddings=to_map(conditioned, self._grid),
            image_pe=self._dense_position,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=[level.expand(batch, -1, -1, -1) for level in high_res],
        )
        return offered

    def _choose(
        self,
        logits: Tensor,
        ious: Tensor,
        tokens: Tensor,
        object_score_logits: Tensor,
        chosen: Tensor | None = None,
    ) -> MaskPrediction:
        """One of K masks of each object: the (B,) chosen ones, or those with the best estimates."""
        module = self._module
        if logits.shape[1] > 1:
            best = ious.argmax(dim=1) if chosen is None else chosen
            logits = _pick(logits, best)
            tokens = _pick(tokens, best) if tokens.shape[1] > 1 else tokens[:, 0]
            ious = _pick(ious, best)
        else:
            logits, tokens, ious = logits[:, 0], tokens[:, 0], ious[:, 0]
        visible = object_score_logits > 0
        return MaskPrediction(
            low_res_mask_logits=torch.where(visible[..., None], logits, NO_OBJ_SCORE).float(),
            object_score_logits=object_score_logits.float(),
            iou_scores=ious.float(),
            object_pointers=self._hide_pointers(module.obj_ptr_proj(tokens), visible.to(tokens.dtype)),
        )

    def _hide_pointers(self, pointers: Tensor, visible: Tensor) -> Tensor:
        """Replace the pointers of hidden objects by the learnt one; `visible` is (B, 1), 0 or 1."""
        module = self._module
        if module.fixed_no_obj_ptr:
            pointers = visible * pointers
        hidden_pointers: Tensor = pointers + (1 - visible) * module.no_obj_ptr
        return hidden_pointers

    def _wants_multimask(self, num_points: int) -> bool:
        """Whether three candidate masks are decoded: few points are ambiguous (a shirt, or the man in it)."""
        module = self._module
        return bool(
            module.multimask_output_in_sam
            and module.multimask_min_pt_num <= num_points <= module.multimask_max_pt_num
        )

    def _no_points(self) -> tuple[Tensor, Tensor]:
        """The coordinates and labels that stand for no point."""
        device = self._module.no_obj_ptr.device
        no_label = -torch.ones(1, 1, dtype=torch.int32, device=device)
        return torch.zeros(1, 1, 2, device=device), no_label


def _image_position(encoder: Any) -> Tensor:
    """(1, C, r, c): where each cell lies; points and cells share the matrix behind it, as a rule."""
    if hasattr(encoder, "image_pe_layer"):
        position: Tensor = encoder.image_pe_layer(encoder.image_embedding_size)[None]
    else:
        position = encoder.get_dense_pe()
    return position


def _pick(candidates: Tensor, index: Tensor) -> Tensor:
    """(B, K, ...) and (B,) to (B, ...): candidate `index[b]` of each row, without a host sync."""
    shape = (-1, 1, *([1] * (candidates.dim() - 2)))
    expanded = index.view(shape).expand(-1, 1, *candidates.shape[2:])
    return candidates.gather(1, expanded)[:, 0]
