"""What SAM 2 remembers of a frame: how masks become memory features, and how they are read again.

Source: SAM 2, arXiv:2408.00714; `sam2/modeling/sam2_base.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor

from streamtrack.model.interface import Geometry, MaskPrediction, MemoryRead
from streamtrack.model.sam2.attention import MemoryTokens
from streamtrack.model.sam2.masks import MASK_PROMPT_LOGIT
from streamtrack.model.sam2.tokens import to_tokens

POINTER_PERIOD = 15
"""Pointer ages are divided by this. Upstream: min(num_frames, 16) - 1, but a stream has no num_frames."""


class MemoryLayout:
    """Lays memories out as the tokens that memory attention reads.

    Args:
        position: (1, L, M), the sine encoding of a memory frame.
    """

    def __init__(self, module: SAM2Base, geometry: Geometry, position: Tensor, dtype: torch.dtype) -> None:
        self._module = module
        self._geometry = geometry
        self._position = position
        self._dtype = dtype
        self._slot_encoding = module.maskmem_tpos_enc.reshape(module.num_maskmem, 1, geometry.memory_dim)

    def assemble(self, memory: MemoryRead) -> MemoryTokens:
        """B objects' memory as tokens, spatial memory first."""
        g = self._geometry
        features = memory.features.to(self._dtype)
        encoding = self._position[:, None] + self._slot_encoding[memory.slots]
        spatial_keys = (features + encoding).flatten(1, 2)
        batch, num_pointers, _ = memory.pointers.shape
        parts = g.pointer_tokens
        tokens = memory.pointers.reshape(batch, num_pointers * parts, g.memory_dim)
        pointer_keys = tokens + self._pointer_positions(memory.pointer_ages).repeat_interleave(parts, dim=1)
        absent = None
        if memory.absent is not None:
            repeats = g.memory_tokens, parts
            absent = torch.cat(
                [part.repeat_interleave(n, dim=1) for part, n in zip(memory.absent, repeats, strict=True)],
                dim=1,
            )
        return MemoryTokens(
            values=torch.cat((features.flatten(1, 2), tokens), dim=1),
            keys=torch.cat((spatial_keys, pointer_keys), dim=1),
            num_pointer_tokens=tokens.shape[1],
            absent=absent,
        )

    def _pointer_positions(self, ages: Tensor) -> Tensor:
        """(B, P) ages in frames to (B, P, M) encodings; zeros where the checkpoint has none (SAM 2.0)."""
        module = self._module
        if not module.add_tpos_enc_to_obj_ptrs:
            return torch.zeros((*ages.shape, self._geometry.memory_dim), device=ages.device)
        width = module.hidden_dim if module.proj_tpos_enc_in_obj_ptrs else module.mem_dim
        encoded: Tensor = module.obj_ptr_tpos_proj(get_1d_sine_pe(ages / POINTER_PERIOD, dim=width))
        return encoded


class MemoryWriter:
    """Presses a frame and its masks into memory features."""

    def __init__(self, module: SAM2Base, geometry: Geometry, dtype: torch.dtype) -> None:
        self._module = module
        self._geometry = geometry
        self._dtype = dtype

    def write(
        self, pixels: Tensor, prediction: MaskPrediction, *, from_prompt: bool, mask: Tensor | None = None
    ) -> Tensor:
        """(B, L, M) memory features.

        Args:
            pixels: (1, C, r, c), the picture's share of them.
            from_prompt: the masks were prompted on this frame; where the checkpoint asks for it they are
                made binary, so that memory holds what the user saw.
            mask: see `Network.encode_memory`.
        """
        module, g = self._module, self._geometry
        mask_logits = (
            F.interpolate(prediction.low_res_mask_logits[:, None], size=g.input_size, mode="bilinear")
            if mask is None
            else (2 * mask - 1) * MASK_PROMPT_LOGIT
        )
        if from_prompt and module.binarize_mask_from_pts_for_mem_enc:
            drawn = (mask_logits > 0).to(self._dtype)
        else:
            drawn = torch.sigmoid(mask_logits)
        drawn = drawn * module.sigmoid_scale_for_mem_enc + module.sigmoid_bias_for_mem_enc
        encoder = module.memory_encoder
        memory = encoder.out_proj(encoder.fuser(pixels + encoder.mask_downsampler(drawn)))
        if module.no_obj_embed_spatial is not None:
            hidden = (prediction.object_score_logits <= 0).to(memory.dtype)
            memory = memory + hidden[..., None, None] * module.no_obj_embed_spatial[..., None, None]
        return to_tokens(memory).to(g.memory_dtype)
