"""The network as stateless calls: encode an image, decode masks, encode a memory. All state is the caller's.

Wraps a `SAM2Base` of the sam2 package. Upstream's own methods repeat image-only work per object and upscale
three masks to keep one; the calls here give the same numbers with objects batched and shared work done
once.

Letters: as in `values.py`.
Source: SAM 2, arXiv:2408.00714; `sam2/modeling/sam2_base.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from sam2.modeling.sam2_utils import get_1d_sine_pe
from torch import Tensor, nn

from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.model.sam2.attention import MemoryReader, MemoryTokens
from streamtrack.model.values import MEMORY_DTYPE, FrameFeatures, Geometry, MaskPrediction, MemoryRead

MASK_PROMPT_LOGIT = 10.0
"""A mask prompt becomes logits of plus and minus this (upstream: out_scale 20, out_bias -10)."""
CORRECTION_LOGIT_LIMIT = 32.0
"""Previous logits are clamped to this before they prompt a correction (upstream: rare numerical issues)."""
POINTER_PERIOD = 15
"""Pointer ages are divided by this. Upstream: min(num_frames, 16) - 1, but a stream has no num_frames."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class Compiled(Protocol):
    """The calls of every frame in a faster form, with the same results."""

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`."""

    def fits(self, memory: MemoryRead) -> bool:
        """Whether `follow` takes a memory of this shape."""

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`."""


class Network:
    """A SAM 2 network on one device at one image size. Calls are pure; use under `torch.inference_mode`.

    It takes the module over: what it has cached itself is no longer computed there.

    Args:
        memory_pool: 2 reads memory in squares of 2 x 2 averaged tokens, an approximation; 1 is exact.
    """

    def __init__(self, module: SAM2Base, *, memory_pool: int = 1) -> None:
        _refuse_unknown_flags(module)
        # Channels last: convolutions need no re-layout, and a feature map is a row of tokens as it lies.
        self.module = module.eval().to(memory_format=torch.channels_last)
        parameter = next(module.parameters())
        self.device = parameter.device
        self.dtype = parameter.dtype
        grid = module.image_size // module.backbone_stride
        if grid % memory_pool:
            raise ConfigError(
                f"model.memory_pool is {memory_pool}, expected 1: an image_size of {module.image_size} "
                f"makes a feature map of {grid} x {grid}"
            )
        self.memory_pool = memory_pool
        self.geometry = Geometry(
            image_size=module.image_size,
            grid=grid,
            low_res=4 * grid,
            hidden_dim=module.hidden_dim,
            memory_dim=module.mem_dim,
            recent_frames=module.num_maskmem - 1,
            recent_pointers=module.max_obj_ptrs_in_encoder - 1,
        )
        self.compiled: Compiled | None = None
        """Takes `encode` and `follow` over where it is set."""
        self._pointer_parts = module.hidden_dim // module.mem_dim
        with torch.inference_mode():
            self._cache_constants()

    def _cache_constants(self) -> None:
        """Everything that depends on nothing but weights and sizes."""
        module, g = self.module, self.geometry
        image_map = torch.zeros(1, 1, g.grid, g.grid, device=self.device)
        position = _to_tokens(module.image_encoder.neck.position_encoding(image_map))
        # Known now, and never asked for again: the neck would make the four of them anew on every frame.
        module.image_encoder.neck.position_encoding = _NoPosition()
        self._memory_position = _to_tokens(module.memory_encoder.position_encoding(image_map))
        self._slot_encoding = module.maskmem_tpos_enc.reshape(module.num_maskmem, 1, g.memory_dim)
        self._no_memory: Tensor = module.no_mem_embed.reshape(1, 1, g.hidden_dim)
        self._dense_position = module.sam_prompt_encoder.get_dense_pe()
        no_point = torch.zeros(1, 1, 2, device=self.device)
        no_label = -torch.ones(1, 1, dtype=torch.int32, device=self.device)
        self._no_prompt: tuple[Tensor, Tensor] = module.sam_prompt_encoder(
            points=(no_point, no_label), boxes=None, masks=None
        )
        self._reader = MemoryReader(module.memory_attention, g.grid, position, pool=self.memory_pool)
        self._mean = torch.tensor(IMAGE_MEAN, device=self.device).view(1, 3, 1, 1) * 255
        self._scale = 1 / (torch.tensor(IMAGE_STD, device=self.device).view(1, 3, 1, 1) * 255)

    # -- image -------------------------------------------------------------------------------------

    def normalise(self, image: Tensor) -> Tensor:
        """(1, 3, S, S) RGB 0 to 255, any dtype, to the network's input range."""
        return (image.to(torch.float32) - self._mean) * self._scale

    def encode(self, image: Tensor) -> FrameFeatures:
        """Encode one frame.

        Args:
            image: (1, 3, S, S) RGB 0 to 255, any dtype; uint8 where the network is compiled.
        """
        return self.encode_eagerly(image) if self.compiled is None else self.compiled.encode(image)

    def encode_eagerly(self, image: Tensor) -> FrameFeatures:
        """`encode`, uncompiled."""
        return self.share(*self.encode_image(self.normalise(image)))

    def encode_image(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The maps that are worth keeping: `tokens` and `high_res` of `FrameFeatures`.

        Args:
            image: (1, 3, S, S) float32, normalised.
        """
        module = self.module
        maps: Sequence[Tensor] = module.image_encoder(image)["backbone_fpn"]
        stride_4, stride_8, stride_16 = maps[-3:]
        decoder = module.sam_mask_decoder
        return _to_tokens(stride_16), (decoder.conv_s0(stride_4), decoder.conv_s1(stride_8))

    def share(self, tokens: Tensor, high_res: tuple[Tensor, Tensor]) -> FrameFeatures:
        """Do once what every object's step would do again: a twentieth of an encoder pass."""
        pixels = self.module.memory_encoder.pix_feat_proj(_to_map(tokens, self.geometry.grid))
        return FrameFeatures(tokens, high_res, self._reader.attend_to_image(tokens), pixels)

    # -- memory ------------------------------------------------------------------------------------

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """Find B objects on a frame by their memory: what a frame costs beside its encoding.

        Returns:
            The masks, and the memory features that they leave, (B, g * g, M).
        """
        if self.compiled is not None and self.compiled.fits(memory):
            return self.compiled.follow(features, memory)
        return self.follow_eagerly(features, memory)

    def follow_eagerly(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """`follow`, uncompiled."""
        conditioned = self.condition_on_memory(features, self.assemble_memory(memory))
        prediction = self.decode_unprompted(features, conditioned)
        return prediction, self.encode_memory(features, prediction, from_prompt=False)

    def assemble_memory(self, memory: MemoryRead) -> MemoryTokens:
        """Lay B objects' memory out for reading."""
        features = memory.features.to(self.dtype)
        encoding = self._memory_position[:, None] + self._slot_encoding[memory.slots]
        spatial_keys = (features + encoding).flatten(1, 2)
        batch, num_pointers, _ = memory.pointers.shape
        parts = self._pointer_parts
        tokens = memory.pointers.reshape(batch, num_pointers * parts, self.geometry.memory_dim)
        pointer_keys = tokens + self._pointer_positions(memory.pointer_ages).repeat_interleave(parts, dim=1)
        absent = None
        if memory.absent is not None:
            repeats = self.geometry.memory_tokens, parts
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
        module = self.module
        if not module.add_tpos_enc_to_obj_ptrs:
            return torch.zeros((*ages.shape, self.geometry.memory_dim), device=self.device)
        width = module.hidden_dim if module.proj_tpos_enc_in_obj_ptrs else module.mem_dim
        encoded: Tensor = module.obj_ptr_tpos_proj(get_1d_sine_pe(ages / POINTER_PERIOD, dim=width))
        return encoded

    def condition_on_memory(self, features: FrameFeatures, memory: MemoryTokens) -> Tensor:
        """(B, g * g, C): the frame as seen with each object's memory."""
        return self._reader.read(features.attended, memory)

    def condition_on_nothing(self, features: FrameFeatures) -> Tensor:
        """(1, g * g, C): the frame as seen by an object without a past (an initial conditioning frame)."""
        return features.tokens + self._no_memory

    def encode_memory(
        self, features: FrameFeatures, prediction: MaskPrediction, *, from_prompt: bool
    ) -> Tensor:
        """Press a frame and its masks into memory features, (B, g * g, M) bfloat16.

        Args:
            from_prompt: the masks were prompted on this frame; where the checkpoint asks for it they are
                made binary, so that memory holds what the user saw. Prompted and unprompted objects
                therefore come in separate calls.
        """
        module, g = self.module, self.geometry
        mask_logits = F.interpolate(
            prediction.low_res_mask_logits[:, None], size=(g.image_size, g.image_size), mode="bilinear"
        )
        if from_prompt and module.binarize_mask_from_pts_for_mem_enc:
            mask = (mask_logits > 0).to(self.dtype)
        else:
            mask = torch.sigmoid(mask_logits)
        mask = mask * module.sigmoid_scale_for_mem_enc + module.sigmoid_bias_for_mem_enc
        encoder = module.memory_encoder
        memory = encoder.out_proj(encoder.fuser(features.memory_pixels + encoder.mask_downsampler(mask)))
        if module.no_obj_embed_spatial is not None:
            hidden = (prediction.object_score_logits <= 0).to(memory.dtype)
            memory = memory + hidden[..., None, None] * module.no_obj_embed_spatial[..., None, None]
        return _to_tokens(memory).to(MEMORY_DTYPE)

    # -- masks -------------------------------------------------------------------------------------

    def decode_unprompted(self, features: FrameFeatures, conditioned: Tensor) -> MaskPrediction:
        """Masks of B objects that memory alone points out; `conditioned` is (B, g * g, C)."""
        batch = conditioned.shape[0]
        sparse, dense = self._no_prompt
        sparse, dense = sparse.expand(batch, -1, -1), dense.expand(batch, -1, -1, -1)
        return self._decode(features, conditioned, sparse, dense, self._wants_multimask(0))

    def decode_points(
        self,
        features: FrameFeatures,
        conditioned: Tensor,
        coords: Tensor,
        labels: Tensor,
        previous_logits: Tensor | None,
    ) -> MaskPrediction:
        """The mask of one object that points or a box point out.

        Args:
            conditioned: (1, g * g, C).
            coords: (1, P, 2) float32 x, y in pixels of the S x S input.
            labels: (1, P) int32: 1 on the object, 0 off it, 2 and 3 a box's first and second corner.
            previous_logits: (1, 4g, 4g) the frame's mask so far, where the prompt corrects it.
        """
        mask = previous_logits
        if mask is not None:
            mask = mask[:, None].clamp(-CORRECTION_LOGIT_LIMIT, CORRECTION_LOGIT_LIMIT)
        sparse, dense = self.module.sam_prompt_encoder(points=(coords, labels), boxes=None, masks=mask)
        return self._decode(features, conditioned, sparse, dense, self._wants_multimask(coords.shape[1]))

    def adopt_mask(self, features: FrameFeatures, mask: Tensor) -> MaskPrediction:
        """Take a given mask as the prediction; the decoder only makes its object pointer.

        Args:
            mask: (1, 1, S, S) float32, 0 or 1.
        """
        module = self.module
        mask_logits = (2 * mask - 1) * MASK_PROMPT_LOGIT
        low_res = F.interpolate(
            mask_logits, scale_factor=0.25, mode="bilinear", antialias=True, align_corners=False
        )
        no_point = torch.zeros(1, 1, 2, device=self.device)
        no_label = -torch.ones(1, 1, dtype=torch.int32, device=self.device)
        sparse, dense = module.sam_prompt_encoder(
            points=(no_point, no_label), boxes=None, masks=module.mask_downsample(mask)
        )
        decoded = self._decode(features, features.tokens, sparse, dense, multimask=False)
        # Whether the object is there is read off the given mask, not off the decoder.
        visible = (mask > 0).flatten(1).any(dim=1, keepdim=True).to(self.dtype)
        return MaskPrediction(
            low_res_mask_logits=low_res[:, 0].float(),
            object_score_logits=(2 * visible - 1).float() * MASK_PROMPT_LOGIT,
            iou_scores=torch.ones(1, device=self.device),
            object_pointers=self._hide_pointers(decoded.object_pointers, visible),
        )

    def _decode(
        self, features: FrameFeatures, conditioned: Tensor, sparse: Tensor, dense: Tensor, multimask: bool
    ) -> MaskPrediction:
        module, batch = self.module, conditioned.shape[0]
        high_res = [level.expand(batch, -1, -1, -1) for level in features.high_res]
        logits, ious, tokens, object_score_logits = module.sam_mask_decoder(
            image_embeddings=_to_map(conditioned, self.geometry.grid),
            image_pe=self._dense_position,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=high_res,
        )
        if logits.shape[1] > 1:
            best = ious.argmax(dim=1)
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
        module = self.module
        if module.fixed_no_obj_ptr:
            pointers = visible * pointers
        hidden_pointers: Tensor = pointers + (1 - visible) * module.no_obj_ptr
        return hidden_pointers

    def _wants_multimask(self, num_points: int) -> bool:
        """Whether three candidate masks are decoded: few points are ambiguous (a shirt, or the man in it)."""
        module = self.module
        return bool(
            module.multimask_output_in_sam
            and module.multimask_min_pt_num <= num_points <= module.multimask_max_pt_num
        )


class _NoPosition(nn.Module):
    """Stands where a positional encoding was computed that nobody reads."""

    def forward(self, feature_map: Tensor) -> Tensor:
        return feature_map.new_empty(0)


def _to_tokens(feature_map: Tensor) -> Tensor:
    """(B, C, H, W) to (B, H * W, C)."""
    return feature_map.flatten(2).transpose(1, 2)


def _to_map(tokens: Tensor, grid: int) -> Tensor:
    """(B, g * g, C) to (B, C, g, g)."""
    batch, _, width = tokens.shape
    return tokens.transpose(1, 2).reshape(batch, width, grid, grid)


def _pick(candidates: Tensor, index: Tensor) -> Tensor:
    """(B, K, ...) and (B,) to (B, ...): candidate `index[b]` of each row, without a host sync."""
    shape = (-1, 1, *([1] * (candidates.dim() - 2)))
    expanded = index.view(shape).expand(-1, 1, *candidates.shape[2:])
    return candidates.gather(1, expanded)[:, 0]


def _refuse_unknown_flags(module: SAM2Base) -> None:
    """Refuse flags that no released config has: they would be computed wrongly."""
    required = {
        "use_mask_input_as_output_without_sam": True,
        "directly_add_no_mem_embed": True,
        "use_high_res_features_in_sam": True,
        "multimask_output_for_tracking": True,
        "use_obj_ptrs_in_encoder": True,
        "only_obj_ptrs_in_the_past_for_eval": True,
        "pred_obj_scores": True,
        "soft_no_obj_ptr": False,
        "non_overlap_masks_for_mem_enc": False,
        "memory_temporal_stride_for_eval": 1,
        "max_cond_frames_in_attn": -1,
    }
    for flag, expected in required.items():
        if getattr(module, flag) != expected:
            raise CheckpointError(f"network flag {flag} is {getattr(module, flag)!r}, expected {expected!r}")
