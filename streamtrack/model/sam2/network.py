"""SAM 2 as stateless calls: encode an image, decode masks, encode a memory. All state is the caller's.

Wraps a `SAM2Base` of the sam2 package. Upstream's own methods repeat image-only work per object and upscale
three masks to keep one; the calls here give the same numbers with objects batched and shared work done
once.

Letters: as in `interface.py`; r, c rows and columns of the feature map at stride 16, so that a memory frame
has L = r * c tokens.
Source: SAM 2, arXiv:2408.00714; `sam2/modeling/sam2_base.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from streamtrack.config.image_size import size_text
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.model.interface import (
    CompiledCalls,
    FrameFeatures,
    Geometry,
    MaskPrediction,
    MemoryRead,
    Size,
)
from streamtrack.model.sam2.attention import MemoryReader, MemoryTokens
from streamtrack.model.sam2.image import ImageEncoder
from streamtrack.model.sam2.masks import HighRes, MaskDecoder
from streamtrack.model.sam2.memory import MemoryLayout, MemoryWriter
from streamtrack.model.sam2.tokens import to_map, to_tokens

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
LARGE_GRID = 32
"""On a CPU, from this longer side of the feature map on, a batch outgrows the cache; objects go singly."""
CPU_BATCH = 4
"""On a CPU, objects of smaller feature maps in one uncompiled pass: measured best of 1, 2, 4, 8, 16."""


class Sam2Network:
    """A SAM 2 network on one device at one input size. Calls are pure; use under `torch.inference_mode`.

    It takes the module over: what it has cached itself is no longer computed there. Of a frame it keeps
    the tokens at stride 16, (1, L, C), and the two finer maps, `HighRes`. Derived from them are the
    tokens after memory attention's first self-attention, which sees only the image, (1, L, C), and the
    picture's share of a memory feature, (1, C, r, c).

    Args:
        input_size: H, W of the input in pixels, multiples of 32; None: a square of the module's `image_size`.
        memory_pool: 2 reads memory in squares of 2 x 2 averaged tokens, an approximation; 1 is exact.
    Raises:
        CheckpointError: a flag that no released config has.
        ConfigError: the feature map cannot be pooled so.
    """

    def __init__(self, module: SAM2Base, *, input_size: Size | None = None, memory_pool: int = 1) -> None:
        _refuse_unknown_flags(module)
        # Channels last: convolutions need no re-layout, and a feature map is a row of tokens as it lies.
        self.module = module.eval().to(memory_format=torch.channels_last)
        parameter = next(module.parameters())
        self.device = parameter.device
        self.dtype = parameter.dtype
        self.memory_pool = memory_pool
        self.compiled: CompiledCalls | None = None
        height, width = input_size or (module.image_size, module.image_size)
        self._grid: Size = height // module.backbone_stride, width // module.backbone_stride
        if any(side % memory_pool for side in self._grid):
            size = size_text((height, width))
            raise ConfigError(
                f"model.memory_pool is {memory_pool}, expected 1: an image_size of {size} "
                f"makes a feature map of {self._grid[1]} x {self._grid[0]}"
            )
        self.geometry = _geometry(module, (height, width), self._grid)
        _tell_prompts(module.sam_prompt_encoder, self.geometry)
        with torch.inference_mode():
            self._cache_constants()

    def _cache_constants(self) -> None:
        """Everything that depends on nothing but weights and sizes."""
        module = self.module
        image_map = torch.zeros(1, 1, *self._grid, device=self.device)
        position = to_tokens(module.image_encoder.neck.position_encoding(image_map))
        # Known now, and never asked for again: the neck would make the four of them anew on every frame.
        module.image_encoder.neck.position_encoding = _NoPosition()
        memory_position = to_tokens(module.memory_encoder.position_encoding(image_map))
        self._encoder = ImageEncoder(module, self.geometry.input_size)
        self._no_memory: Tensor = module.no_mem_embed.reshape(1, 1, module.hidden_dim)
        self._layout = MemoryLayout(module, self.geometry, memory_position, self.dtype)
        self._writer = MemoryWriter(module, self.geometry, self.dtype)
        self._decoder = MaskDecoder(module, self._grid)
        self._reader = MemoryReader(module.memory_attention, self._grid, position, pool=self.memory_pool)
        self._mean = torch.tensor(IMAGE_MEAN, device=self.device).view(1, 3, 1, 1) * 255
        self._scale = 1 / (torch.tensor(IMAGE_STD, device=self.device).view(1, 3, 1, 1) * 255)

    @property
    def settings(self) -> tuple[object, ...]:
        """What changes its numbers beside weights and geometry."""
        return (self.memory_pool,)

    @property
    def best_batch(self) -> int | None:
        """Objects in one pass from which on more are slower on this device; None: the more the better."""
        if self.device.type != "cpu" or self.compiled is not None:  # compiled, they are parted anyway
            return None
        return 1 if max(self._grid) >= LARGE_GRID else CPU_BATCH

    # -- image -------------------------------------------------------------------------------------

    def normalise(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) RGB 0 to 255, any dtype, to the network's input range."""
        return (image.to(torch.float32) - self._mean) * self._scale

    def encode(self, image: Tensor) -> FrameFeatures:
        """Encode one frame.

        Args:
            image: (1, 3, H, W) RGB 0 to 255, any dtype; uint8 where the network is compiled ahead of time.
        """
        return self.encode_eagerly(image) if self.compiled is None else self.compiled.encode(image)

    def encode_eagerly(self, image: Tensor) -> FrameFeatures:
        """`encode`, uncompiled."""
        return self.derive(self.encode_image(self.normalise(image)))

    def encode_image(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The maps that are worth keeping: tokens and the two finer maps.

        Args:
            image: (1, 3, H, W) float32, normalised.
        """
        stride_16, fine, coarse = self._encoder(image)
        return to_tokens(stride_16), fine, coarse

    def derive(self, kept: tuple[Tensor, ...]) -> FrameFeatures:
        """Do once what every object's step would do again: a twentieth of an encoder pass."""
        tokens = kept[0]
        pixels = self.module.memory_encoder.pix_feat_proj(to_map(tokens, self._grid))
        return FrameFeatures(kept, (self._reader.attend_to_image(tokens), pixels))

    def appearance_map(self, features: FrameFeatures) -> Tensor:
        """(1, C, r, c): the neck's coarsest map."""
        return to_map(features.kept[0], self._grid)

    # -- memory ------------------------------------------------------------------------------------

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """Find B objects on a frame by their memory: what a frame costs beside its encoding.

        Returns:
            The masks, and the memory features that they leave, (B, L, M).
        """
        if self.compiled is not None and self.compiled.fits(memory):
            return self.compiled.follow(features, memory)
        return self.follow_eagerly(features, memory)

    def follow_eagerly(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """`follow`, uncompiled."""
        seen = self._see(features, memory)
        prediction = self.decode_unprompted(features, seen, memory.expected, wants_rivals=memory.wants_rivals)
        memory_features = self.encode_memory(features, prediction, from_prompt=False)
        return prediction if memory.expected is None else replace(prediction, seen=seen), memory_features

    def _see(self, features: FrameFeatures, memory: MemoryRead) -> Tensor:
        if memory.seen is not None:
            return memory.seen
        return self.condition_on_memory(features, self.assemble_memory(memory))

    def assemble_memory(self, memory: MemoryRead) -> MemoryTokens:
        """Lay B objects' memory out for reading."""
        return self._layout.assemble(memory)

    def condition_on_memory(self, features: FrameFeatures, memory: MemoryTokens) -> Tensor:
        """(B, L, C): the frame as seen with each object's memory."""
        return self._reader.read(features.derived[0], memory)

    def condition_on_nothing(self, features: FrameFeatures) -> Tensor:
        """(1, L, C): the frame as seen by an object without a past (an initial conditioning frame)."""
        return features.kept[0] + self._no_memory

    def encode_memory(
        self,
        features: FrameFeatures,
        prediction: MaskPrediction,
        *,
        from_prompt: bool,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Press a frame and its masks into memory features, (B, L, M) bfloat16; see `Network`."""
        return self._writer.write(features.derived[1], prediction, from_prompt=from_prompt, mask=mask)

    # -- masks -------------------------------------------------------------------------------------

    def decode_unprompted(
        self,
        features: FrameFeatures,
        conditioned: Tensor,
        expected: Tensor | None = None,
        *,
        wants_rivals: bool = True,
    ) -> MaskPrediction:
        """Masks of B objects that memory alone points out; `conditioned` is (B, L, C), the others as of
        `MemoryRead`."""
        return self._decoder.decode_unprompted(
            _high_res(features), conditioned, expected, wants_rivals=wants_rivals
        )

    def decode_points(
        self,
        features: FrameFeatures,
        memory: MemoryRead | None,
        coords: Tensor,
        labels: Tensor,
        previous_logits: Tensor | None,
        candidate: int | None = None,
    ) -> MaskPrediction:
        """The mask of one object that points or a box point out.

        Args:
            memory: of that object; None where the frame is its first.
            coords: (1, P, 2) float32 x, y in pixels of the input.
            labels: (1, P) int32: 1 on the object, 0 off it, 2 and 3 a box's first and second corner.
            previous_logits: (1, h, w) the frame's mask so far, where the prompt corrects it.
            candidate: which of the masks to take where few points have several; None: the best.
        """
        conditioned = self.condition_on_nothing(features) if memory is None else self._see(features, memory)
        return self._decoder.decode_points(
            _high_res(features), conditioned, coords, labels, previous_logits, candidate
        )

    def adopt_mask(
        self, features: FrameFeatures, mask: Tensor, *, candidates: bool = False
    ) -> MaskPrediction:
        """Take a given mask, (1, 1, H, W) float32, 0 or 1, as the prediction; see `Network`."""
        return self._decoder.adopt_mask(_high_res(features), features.kept[0], mask, candidates=candidates)


class _NoPosition(nn.Module):
    """Stands where a positional encoding was computed that nobody reads."""

    def forward(self, feature_map: Tensor) -> Tensor:
        return feature_map.new_empty(0)


def _high_res(features: FrameFeatures) -> HighRes:
    _, fine, coarse = features.kept
    return fine, coarse


def _tell_prompts(encoder: Any, geometry: Geometry) -> None:
    """A prompt encoder is built for a square; nothing of it but these numbers depends on that."""
    encoder.input_image_size = geometry.input_size
    encoder.image_embedding_size = geometry.grid
    encoder.mask_input_size = geometry.low_res_size


def _geometry(module: SAM2Base, input_size: Size, grid: Size) -> Geometry:
    rows, columns = grid
    return Geometry(
        input_size=input_size,
        grid=grid,
        low_res_size=(4 * rows, 4 * columns),
        memory_tokens=rows * columns,
        memory_dim=module.mem_dim,
        pointer_dim=module.hidden_dim,
        pointer_tokens=module.hidden_dim // module.mem_dim,
        recent_frames=module.num_maskmem - 1,
        recent_pointers=module.max_obj_ptrs_in_encoder - 1,
        pixel_mean=IMAGE_MEAN,
        pixel_std=IMAGE_STD,
    )


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
