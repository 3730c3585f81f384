"""What goes into the network's calls and comes out of them.

Letters: B objects, C hidden_dim, g grid (feature map side at stride 16), S image_size, M memory_dim,
T memory frames, P object pointers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MEMORY_DTYPE = torch.bfloat16
"""Memory features are kept in bfloat16, as upstream keeps them: exactness asks for the same rounding."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sizes that the memory and the session need to know of a network."""

    image_size: int
    """S: side of the square input in pixels."""
    grid: int
    """g: side of the feature map at stride 16."""
    low_res: int
    """Side of the low-res mask logits, stride 4."""
    hidden_dim: int
    """C: width of features and object pointers."""
    memory_dim: int
    """M: width of memory features."""
    recent_frames: int
    """Unprompted frames whose memory features the checkpoint reads."""
    recent_pointers: int
    """Unprompted frames whose object pointers are read."""

    @property
    def memory_tokens(self) -> int:
        """Tokens of one memory frame."""
        return self.grid * self.grid


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """One encoded frame: everything about it that no object changes."""

    tokens: Tensor
    """(1, g * g, C), stride 16."""
    high_res: tuple[Tensor, Tensor]
    """(1, C / 8, 4g, 4g) and (1, C / 4, 2g, 2g), strides 4 and 8, already projected for the mask decoder."""
    attended: Tensor
    """(1, g * g, C): `tokens` after memory attention's first self-attention, which sees only the image."""
    memory_pixels: Tensor
    """(1, C, g, g): the picture's share of a memory feature."""

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """All of them, in the order of the fields."""
        return self.tokens, *self.high_res, self.attended, self.memory_pixels


@dataclass(frozen=True, slots=True)
class MemoryRead:
    """What B objects remember, taken out of the bank for one frame."""

    features: Tensor
    """(B, T, g * g, M), memory features, MEMORY_DTYPE."""
    slots: Tensor
    """(B, T) long, row of the temporal encoding: `recent_frames` for a conditioning frame, the age in frames
    minus 1 for a recent one."""
    pointers: Tensor
    """(B, P, C), object pointers."""
    pointer_ages: Tensor
    """(B, P) float32, frames between the pointer's frame and now."""
    absent: tuple[Tensor, Tensor] | None = None
    """(B, T) and (B, P) bool, True for places that only fill the shape up; None: all are real."""


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """B objects on one frame."""

    low_res_mask_logits: Tensor
    """(B, 4g, 4g) float32, unbounded; NO_OBJ_SCORE (-1024) throughout where the object is hidden."""
    object_score_logits: Tensor
    """(B, 1) float32, above 0 means visible."""
    iou_scores: Tensor
    """(B,) float32, the network's estimate of the mask's IoU, 0 to 1."""
    object_pointers: Tensor
    """(B, C), the summary that later frames read."""
