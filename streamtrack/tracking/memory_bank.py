"""What every object remembers: preallocated tensors and the bookkeeping of which frame lies where.

At stride 1 an object's future depends only on its last 6 memory features, its last 15 object pointers, and
its conditioning frames (those with prompts). So there are two rings, written in place at `frame_idx` modulo
their length, and a capped set of conditioning slots. The rings are longer than what is read by the length
of the history, so that a prompt on a past frame finds the memory of its time. Nothing here grows with the
stream.

Features reach 6 frames back and pointers 15: a bank that cut both at the same age would not be lossless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from streamtrack.model.network import MEMORY_DTYPE, Geometry, MaskPrediction

FIRST_CAPACITY = 2
"""Object slots allocated at first; doubled whenever they are all taken."""


@dataclass(slots=True)
class ObjectMemory:
    """Where one object's memory lies."""

    slot: int
    """Row of the bank's tensors."""
    first_frame: int
    """The frame of its first prompt."""
    conditioning: dict[int, int] = field(default_factory=dict)
    """Conditioning frames, oldest first: frame_idx to position among the conditioning slots."""


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Which memory one object reads on one frame. Objects with equal counts are read in one batch."""

    feature_rows: tuple[int, ...]
    """Rows of the flattened feature tensor."""
    slot_encodings: tuple[int, ...]
    """Row of the temporal encoding for each of them."""
    pointer_rows: tuple[int, ...]
    """Rows of the flattened pointer tensor."""
    pointer_ages: tuple[int, ...]
    """Age in frames of each pointer."""

    @property
    def counts(self) -> tuple[int, int]:
        """Memory frames and pointers."""
        return len(self.feature_rows), len(self.pointer_rows)


class MemoryBank:
    """Memory of up to `capacity` objects; grows by doubling, never with time.

    Args:
        max_conditioning_frames: conditioning slots of each object.
        history_frames: H, tracked frames that can still be prompted.
    """

    def __init__(
        self, geometry: Geometry, *, max_conditioning_frames: int, history_frames: int, device: torch.device
    ) -> None:
        self._geometry = geometry
        self._max_conditioning = max_conditioning_frames
        self._history = history_frames
        self._device = device
        self._feature_ring = geometry.recent_frames + history_frames
        self._pointer_ring = geometry.recent_pointers + history_frames
        self._capacity = 0
        self._free: list[int] = []
        self._allocate(0)

    # -- slots -------------------------------------------------------------------------------------

    @property
    def num_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self._tensors())

    def open(self, first_frame: int) -> ObjectMemory:
        """A slot for a new object, its memory empty."""
        if not self._free:
            self._grow()
        return ObjectMemory(self._free.pop(), first_frame)

    def close(self, memory: ObjectMemory) -> None:
        """Give an object's slot back."""
        self._free.append(memory.slot)
        self._free.sort(reverse=True)

    def _grow(self) -> None:
        old, old_capacity = self._tensors(), self._capacity
        self._allocate(max(FIRST_CAPACITY, 2 * old_capacity))
        for new_tensor, old_tensor in zip(self._tensors(), old, strict=True):
            new_tensor[:old_capacity] = old_tensor
        self._free = list(range(self._capacity - 1, old_capacity - 1, -1))

    def _allocate(self, capacity: int) -> None:
        g = self._geometry
        self._capacity = capacity
        positions = self._max_conditioning + self._feature_ring
        self._features = self._zeros(capacity, positions, g.memory_tokens, g.memory_dim, dtype=MEMORY_DTYPE)
        self._pointers = self._zeros(capacity, self._max_conditioning + self._pointer_ring, g.hidden_dim)
        self._mask_logits = self._zeros(capacity, self._history, g.low_res, g.low_res)
        self._scores = self._zeros(capacity, self._history, 2)

    def _zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=self._device)

    def _tensors(self) -> tuple[Tensor, ...]:
        return self._features, self._pointers, self._mask_logits, self._scores

    # -- reading -----------------------------------------------------------------------------------

    def plan_read(self, memory: ObjectMemory, frame_idx: int) -> ReadPlan:
        """What an object that was there before `frame_idx` remembers on that frame."""
        g = self._geometry
        past = {index: place for index, place in memory.conditioning.items() if index < frame_idx}

        def unprompted(reach: int) -> list[int]:
            oldest = max(memory.first_frame, frame_idx - reach)
            return [index for index in range(oldest, frame_idx) if index not in past]

        features = memory.slot * self._features.shape[1]
        pointers = memory.slot * self._pointers.shape[1]
        recent, recent_with_pointer = unprompted(g.recent_frames), unprompted(g.recent_pointers)
        return ReadPlan(
            feature_rows=(
                *(features + place for place in past.values()),
                *(features + self._feature_position(index) for index in recent),
            ),
            slot_encodings=(*(g.recent_frames for _ in past), *(frame_idx - index - 1 for index in recent)),
            pointer_rows=(
                *(pointers + place for place in past.values()),
                *(pointers + self._pointer_position(index) for index in recent_with_pointer),
            ),
            pointer_ages=(
                *(frame_idx - index for index in past),
                *(frame_idx - index for index in recent_with_pointer),
            ),
        )

    def gather(self, plans: Sequence[ReadPlan]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Memory of B objects with equal counts.

        Returns:
            features (B, T, g * g, M), slot encodings (B, T) long, pointers (B, P, C), pointer ages (B, P)
            float32.
        """
        # One upload for all indices: (B, 2T + 2P).
        rows = [(*p.feature_rows, *p.slot_encodings, *p.pointer_rows, *p.pointer_ages) for p in plans]
        frames, pointers = plans[0].counts
        index = torch.tensor(rows).to(self._device, non_blocking=True)
        feature_rows, encodings, pointer_rows, ages = torch.split(
            index, [frames, frames, pointers, pointers], dim=1
        )
        return (
            self._features.flatten(0, 1)[feature_rows],
            encodings,
            self._pointers.flatten(0, 1)[pointer_rows],
            ages.to(torch.float32),
        )

    def mask_logits(self, memory: ObjectMemory, frame_idx: int) -> Tensor:
        """(1, 4g, 4g): the low-res mask logits of a kept frame."""
        return self._mask_logits[memory.slot, frame_idx % self._history][None]

    def predictions(self, memories: Sequence[ObjectMemory], frame_idx: int) -> tuple[Tensor, Tensor]:
        """Of a kept frame: low-res mask logits (B, 4g, 4g); object score logits and IoU scores (B, 2)."""
        slots = [memory.slot for memory in memories]
        place = frame_idx % self._history
        return self._mask_logits[slots, place], self._scores[slots, place]

    # -- writing -----------------------------------------------------------------------------------

    def write(
        self,
        memories: Sequence[ObjectMemory],
        frame_idx: int,
        prediction: MaskPrediction,
        features: Tensor,
    ) -> None:
        """Store what B objects were found to be on a frame; `features` is (B, g * g, M)."""
        slots = torch.tensor([memory.slot for memory in memories]).to(self._device, non_blocking=True)
        place = frame_idx % self._history
        self._features[slots, self._feature_position(frame_idx)] = features
        self._pointers[slots, self._pointer_position(frame_idx)] = prediction.object_pointers.float()
        self._mask_logits[slots, place] = prediction.low_res_mask_logits
        scores = torch.cat((prediction.object_score_logits, prediction.iou_scores[:, None]), dim=1)
        self._scores[slots, place] = scores

    def write_conditioning(
        self, memory: ObjectMemory, frame_idx: int, prediction: MaskPrediction, features: Tensor
    ) -> int | None:
        """Store a prompted frame of one object; returns the conditioning frame that had to go, if one had.

        The frame is written to the rings as well: evicted later, it is still a recent frame like any other.
        """
        self.write([memory], frame_idx, prediction, features)
        evicted, place = None, memory.conditioning.get(frame_idx)
        if place is None:
            if len(memory.conditioning) == self._max_conditioning:
                # The first prompt says what the object is and stays; the oldest of the others goes.
                evicted = list(memory.conditioning)[1]
                del memory.conditioning[evicted]
            place = min(set(range(self._max_conditioning)) - set(memory.conditioning.values()))
            memory.conditioning[frame_idx] = place
        self._features[memory.slot, place] = features[0]
        self._pointers[memory.slot, place] = prediction.object_pointers[0].float()
        return evicted

    def _feature_position(self, frame_idx: int) -> int:
        return self._max_conditioning + frame_idx % self._feature_ring

    def _pointer_position(self, frame_idx: int) -> int:
        return self._max_conditioning + frame_idx % self._pointer_ring
