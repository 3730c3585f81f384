"""What tracking asks of a network, whatever its family: sizes, tensors in and out, and a dozen calls.

Letters: B objects, T memory frames, P object pointers, L tokens of one memory frame, M memory width,
C pointer width, H W the network's input and h w its low-res masks, in pixels, each of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

Size = tuple[int, int]
"""Height, width."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sizes that memory, preprocessing and a session need to know of a network. No two of them follow
    from each other: maps need not be square, and a memory frame need not have a token for each cell."""

    input_size: Size
    """H, W of the picture that the network sees."""
    grid: Size
    """Rows, columns of the coarsest feature map that it attends over."""
    low_res_size: Size
    """h, w of the low-res mask logits."""
    memory_tokens: int
    """L: tokens of one memory frame."""
    memory_dim: int
    """M: width of a memory token."""
    pointer_dim: int
    """C: width of an object pointer."""
    pointer_tokens: int
    """Tokens of width M as which a pointer is read."""
    recent_frames: int
    """Unprompted frames whose memory features the weights were trained to read."""
    recent_pointers: int
    """Unprompted frames whose object pointers are read."""
    pixel_mean: tuple[float, float, float]
    """R, G, B, of pixels from 0 to 1: taken off before the network sees them."""
    pixel_std: tuple[float, float, float]
    """R, G, B: what is left is divided by it."""
    memory_dtype: torch.dtype = torch.bfloat16
    """In which memory features are kept. SAM 2 keeps bfloat16: exactness asks for the same rounding."""


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """One encoded frame: everything about it that no object changes.

    What the tensors mean, and how many there are, is the network's own business; each has a batch of 1.
    """

    kept: tuple[Tensor, ...]
    """What is worth keeping of a past frame."""
    derived: tuple[Tensor, ...]
    """What `Network.derive` makes of `kept` cheaply, once for all objects."""

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, those to keep first."""
        return (*self.kept, *self.derived)

    def like(self, tensors: Sequence[Tensor]) -> FrameFeatures:
        """Other tensors, split as these are."""
        return split_features(tensors, len(self.kept))


def split_features(tensors: Sequence[Tensor], num_kept: int) -> FrameFeatures:
    """The features whose `tensors()` these are."""
    return FrameFeatures(tuple(tensors[:num_kept]), tuple(tensors[num_kept:]))


@dataclass(frozen=True, slots=True)
class MemoryRead:
    """What B objects remember, taken out of the bank for one frame."""

    features: Tensor
    """(B, T, L, M), memory features, `Geometry.memory_dtype`."""
    slots: Tensor
    """(B, T) long, row of the temporal encoding: `recent_frames` for a conditioning frame, the age in frames
    minus 1 for a recent one."""
    pointers: Tensor
    """(B, P, C) float32, object pointers."""
    pointer_ages: Tensor
    """(B, P) float32, frames between the pointer's frame and now."""
    absent: tuple[Tensor, Tensor] | None = None
    """(B, T) and (B, P) bool, True for places that only fill the shape up; None: all are real."""
    expected: Tensor | None = None
    """(B, 5) float32: the box where each object is expected, x0, y0, x1, y1 as shares of what the network is
    shown, and how much that counts beside the estimated IoU when a candidate is chosen, 0 to 1. None: nothing
    is expected, and nobody asks for rivals."""
    wants_rivals: bool = True
    """Whether anybody asks for `MaskPrediction.rivals`, where something is expected."""
    seen: Tensor | None = None
    """(B, L, C): the frame as seen with this memory, by `follow` on the same frame, which is then not read
    again. None: nobody kept it."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The masks that the network offers for one ambiguous prompt: a shirt, or the man in it."""

    low_res_mask_logits: Tensor
    """(K, h, w) float32."""
    iou_scores: Tensor
    """(K,) float32, the network's estimate of each one's IoU, 0 to 1."""


@dataclass(frozen=True, slots=True)
class MaskPrediction:
    """B objects on one frame."""

    low_res_mask_logits: Tensor
    """(B, h, w) float32, unbounded; far below 0 throughout where the object is hidden."""
    object_score_logits: Tensor
    """(B, 1) float32, above 0 means visible."""
    iou_scores: Tensor
    """(B,) float32, the network's estimate of the mask's IoU, 0 to 1."""
    object_pointers: Tensor
    """(B, C), the summary that later frames read."""
    candidates: Candidates | None = None
    """Among which this mask was chosen; only of `decode_points`, and only where there were several."""
    appearances: Tensor | None = None
    """(B, C) float32: how they look, see `engine.appearance`; only where looks are kept."""
    rivals: Tensor | None = None
    """(B,) float32: how little of its box is left where another candidate is added, 0 to 1, see
    `choice.rival_overlap`; only of `follow`, and only where that was asked for."""
    seen: Tensor | None = None
    """(B, L, C): the frame as seen with each object's memory, see `MemoryRead.seen`; only of `follow`, and
    only where something was expected."""


class CompiledCalls(Protocol):
    """The calls of every frame in a faster form, with the same results."""

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`."""

    def fits(self, memory: MemoryRead) -> bool:
        """Whether `follow` takes a memory of this shape."""

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`."""


class Network(Protocol):
    """A network on one device at one input size. Its calls are pure: all state is the caller's.

    They come under `torch.inference_mode` and the autocast of the network's precision, and never wait for
    the device.
    """

    module: nn.Module
    """Its weights, on `device`."""
    device: torch.device
    geometry: Geometry
    compiled: CompiledCalls | None
    """Takes `encode` and `follow` over where it is set."""

    @property
    def settings(self) -> tuple[object, ...]:
        """What changes its numbers beside weights and geometry; part of the name of what is compiled."""

    @property
    def best_batch(self) -> int | None:
        """Objects in one pass from which on more are slower on this device; None: the more the better."""

    def encode(self, image: Tensor) -> FrameFeatures:
        """Encode one frame.

        Args:
            image: (1, 3, H, W) RGB 0 to 255, any dtype; uint8 where compiled ahead of time.
        """

    def encode_eagerly(self, image: Tensor) -> FrameFeatures:
        """`encode`, uncompiled."""

    def derive(self, kept: tuple[Tensor, ...]) -> FrameFeatures:
        """The features of a past frame, of which only these were kept."""

    def appearance_map(self, features: FrameFeatures) -> Tensor:
        """(1, C, rows, columns): the map by which looks are compared, see `engine.appearance`."""

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """Find B objects on a frame by their memory: what a frame costs beside its encoding.

        Returns:
            The masks, and the memory features that they leave, (B, L, M).
        """

    def follow_eagerly(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """`follow`, uncompiled."""

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
            candidate: which of `candidates` to take where there are several; None: the best by its estimate.
        """

    def adopt_mask(
        self, features: FrameFeatures, mask: Tensor, *, candidates: bool = False
    ) -> MaskPrediction:
        """Take a given mask, (1, 1, H, W) float32, 0 or 1, as the prediction.

        Args:
            candidates: its pointer is that of the best of several candidates, as transformers has it, and not
                that of the one mask that sam2 decodes here.
        """

    def encode_memory(
        self,
        features: FrameFeatures,
        prediction: MaskPrediction,
        *,
        from_prompt: bool,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Press a frame and its masks into memory features, (B, L, M).

        Args:
            from_prompt: the masks were prompted on this frame. Prompted and unprompted objects come in
                separate calls.
            mask: (B, 1, H, W) float32, 0 or 1, to remember instead of the prediction's low-res masks: a given
                one in all its detail.
        """
