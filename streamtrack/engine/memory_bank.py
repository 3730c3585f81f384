"""What every object remembers: preallocated tensors and the bookkeeping of which frame lies where.

Storage only: which frames are read for a frame is a plan's choice (`read_plan.py`). Of each object there are
three places to store in, all of a fixed size, so nothing here grows with the stream:
- conditioning slots, for frames with prompts;
- positions for the memory features and for the object pointers of followed frames: as many as the plan
  reaches back and the history is long, so that a prompt on a past frame finds the memory of its time;
- the masks and scores of the last frames, for results and corrections.
Behind them lies what prompts displaced there, which `rewind.py` puts aside and back.

A frame that must not be remembered gives its positions back, and the next one takes them: however long the
network's numbers are not finite or pictures come damaged, what was remembered before stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from streamtrack.engine.object_memory import ObjectMemory, Rows
from streamtrack.engine.places import Places
from streamtrack.engine.read_plan import MemoryPlan
from streamtrack.model.choice import NO_RIVAL
from streamtrack.model.interface import Geometry, MaskPrediction, MemoryRead

FIRST_CAPACITY = 2
"""Object slots allocated at first; doubled whenever they are all taken."""
HIDDEN_LOGIT = -1024.0
"""Mask and object score logit of what is not there, as the network writes it."""


class MemoryBank:
    """Memory of up to `capacity` objects; grows by doubling, never with time.

    Args:
        plan: how far back it reads, and what makes room.
        max_conditioning_frames: conditioning slots of each object.
        history_frames: H, tracked frames that can still be prompted.
    """

    def __init__(
        self,
        geometry: Geometry,
        plan: MemoryPlan,
        *,
        max_conditioning_frames: int,
        history_frames: int,
        device: torch.device,
    ) -> None:
        self._geometry = geometry
        self._plan = plan
        self.max_conditioning_frames = max_conditioning_frames
        self._history = history_frames
        self.device = device
        self._feature_positions = plan.feature_reach + history_frames
        self._pointer_positions = plan.pointer_reach + history_frames
        self.num_aside = max_conditioning_frames
        """Prompted frames of an object, and evicted ones, that can be put aside."""
        self._capacity = 0
        self._free: list[int] = []
        self.allocation = 0
        """Rises whenever the tensors are allocated anew: what was captured with the old ones is void."""
        self._allocate(0)

    # -- slots -------------------------------------------------------------------------------------

    @property
    def num_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors())

    def open(self, first_frame: int) -> ObjectMemory:
        """A slot for a new object, its memory empty."""
        if not self._free:
            self._grow()
        first = self.max_conditioning_frames
        return ObjectMemory(
            self._free.pop(),
            first_frame,
            free_features=list(range(first + self._feature_positions - 1, first - 1, -1)),
            free_pointers=list(range(first + self._pointer_positions - 1, first - 1, -1)),
        )

    def close(self, memory: ObjectMemory) -> None:
        """Give an object's slot back."""
        self._free.append(memory.slot)
        self._free.sort(reverse=True)

    def _grow(self) -> None:
        old, old_capacity = self.tensors(), self._capacity
        self._allocate(max(FIRST_CAPACITY, 2 * old_capacity))
        for new_tensor, old_tensor in zip(self.tensors(), old, strict=True):
            new_tensor[:old_capacity] = old_tensor
        self._free = list(range(self._capacity - 1, old_capacity - 1, -1))

    def _allocate(self, capacity: int) -> None:
        g, first = self._geometry, self.max_conditioning_frames
        num_features = first + self._feature_positions + 2 * self.num_aside
        num_pointers = first + self._pointer_positions + 2 * self.num_aside
        num_shown = self._history + self.num_aside
        features = self._zeros(capacity, num_features, g.memory_tokens, g.memory_dim, dtype=g.memory_dtype)
        pointers = self._zeros(capacity, num_pointers, g.pointer_dim)
        mask_logits = self._zeros(capacity, num_shown, *g.low_res_size)
        scores = self._zeros(capacity, num_shown, 3)
        # All or nothing: where the device has no room, the bank stays as it was.
        self._features, self._pointers = features, pointers
        self._mask_logits, self._scores = mask_logits, scores
        self._capacity = capacity
        self.allocation += 1

    def _zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=self.device)

    def tensors(self) -> tuple[Tensor, ...]:
        """Memory features, object pointers, mask logits and scores of all slots."""
        return self._features, self._pointers, self._mask_logits, self._scores

    # -- reading -----------------------------------------------------------------------------------

    def feature_row(self, memory: ObjectMemory, frame_idx: int) -> int:
        """Where a stored frame's memory features lie. Raises KeyError where they are not stored."""
        place = memory.conditioning.get(frame_idx)
        return memory.slot * self._features.shape[1] + (
            memory.features[frame_idx] if place is None else place
        )

    def pointer_row(self, memory: ObjectMemory, frame_idx: int) -> int:
        """Where a stored frame's object pointer lies. Raises KeyError where it is not stored."""
        place = memory.conditioning.get(frame_idx)
        return memory.slot * self._pointers.shape[1] + (
            memory.pointers[frame_idx] if place is None else place
        )

    def read(self, places: Places) -> MemoryRead:
        """The memory of a batch of objects."""
        _, feature_rows, encodings, pointer_rows, ages = places.split()
        absent = None
        if places.filled_up:
            absent = feature_rows < 0, pointer_rows < 0
            feature_rows, pointer_rows = feature_rows.clamp(min=0), pointer_rows.clamp(min=0)
        return MemoryRead(
            features=_rows_of(self._features, feature_rows),
            slots=encodings,
            pointers=_rows_of(self._pointers, pointer_rows),
            pointer_ages=ages.to(torch.float32),
            absent=absent,
            expected=places.expected(),
            wants_rivals=places.rivals,
        )

    def mask_logits(self, memory: ObjectMemory, frame_idx: int) -> Tensor:
        """(1, h, w): the low-res mask logits of a kept frame."""
        return self._mask_logits[memory.slot, frame_idx % self._history][None]

    def predictions(self, memories: Sequence[ObjectMemory], frame_idx: int) -> tuple[Tensor, ...]:
        """Of a kept frame: mask logits (B, h, w) and three scores (B, 3)."""
        at = [memory.slot for memory in memories], frame_idx % self._history
        return self._mask_logits[at], self._scores[at]

    # -- writing -----------------------------------------------------------------------------------

    def written(self, memory: ObjectMemory, frame_idx: int) -> tuple[int, int, int, int]:
        """Reserve where an object's part of a frame is written: the first columns of `Places.index`."""
        memory.note_followed(frame_idx)
        return (
            memory.slot,
            self._reserve(memory, memory.features, memory.free_features, frame_idx),
            self._reserve(memory, memory.pointers, memory.free_pointers, frame_idx),
            frame_idx % self._history,
        )

    def _reserve(
        self, memory: ObjectMemory, positions: dict[int, int], free: list[int], frame_idx: int
    ) -> int:
        if frame_idx not in positions:
            if not free:
                given_up = self._plan.give_up(tuple(positions), memory.evidence)
                free.append(positions.pop(given_up))
                if not any(given_up in held for held in (memory.features, memory.pointers)):
                    memory.release(given_up)
            positions[frame_idx] = free.pop()
        return positions[frame_idx]

    def write(self, places: Places, prediction: MaskPrediction, features: Tensor) -> None:
        """Store what B objects were found to be on a frame; `features` is (B, L, M)."""
        slots, feature_position, pointer_position, place = places.split()[0].unbind(1)
        self._features[slots, feature_position] = features
        self._pointers[slots, pointer_position] = prediction.object_pointers.float()
        self._mask_logits[slots, place] = prediction.low_res_mask_logits
        self._scores[slots, place] = summarise(prediction, features)

    def write_followed(
        self, memory: ObjectMemory, frame_idx: int, prediction: MaskPrediction, features: Tensor
    ) -> None:
        """Store what one object was found to be on a frame, instead of what it was found to be before."""
        index = torch.tensor([self.written(memory, frame_idx)]).to(self.device, non_blocking=True)
        self.write(Places(index, 0, 0, filled_up=False), prediction, features)

    def write_conditioning(
        self, memory: ObjectMemory, frame_idx: int, prediction: MaskPrediction, features: Tensor
    ) -> int | None:
        """Store a prompted frame of one object; returns the conditioning frame that had to go, if one had.

        The frame is stored as a followed one, too: evicted later, it is a recent frame like any other. One
        that was mended is no more than that where every place holds what somebody said.
        """
        self.write_followed(memory, frame_idx, prediction, features)
        evicted = self.evicted_for(memory, frame_idx)
        if evicted is None and memory.has_no_place(frame_idx, self.max_conditioning_frames):
            return None
        if evicted is not None:
            del memory.conditioning[evicted]
        place = self.reserve_conditioning(memory, frame_idx).features
        self._features[memory.slot, place] = features[0]
        self._pointers[memory.slot, place] = prediction.object_pointers[0].float()
        return evicted

    def evicted_for(self, memory: ObjectMemory, frame_idx: int) -> int | None:
        """The conditioning frame that goes where this one is stored, if one must."""
        return memory.evicted_for(frame_idx, self.max_conditioning_frames)

    def reserve_conditioning(self, memory: ObjectMemory, frame_idx: int) -> Rows:
        """Where a frame lies among the conditioning slots, of which one is free or its own."""
        if frame_idx not in memory.conditioning:
            place = min(set(range(self.max_conditioning_frames)) - set(memory.conditioning.values()))
            memory.conditioning[frame_idx] = place
        return self.conditioning(memory, frame_idx)

    def conditioning(self, memory: ObjectMemory, frame_idx: int) -> Rows:
        """Where a conditioning frame lies."""
        place = memory.conditioning[frame_idx]
        return Rows(memory.slot, place, place)

    def frame(self, memory: ObjectMemory, frame_idx: int) -> Rows:
        """Where a kept frame lies; without features and pointer where it is not remembered."""
        features, pointer = memory.features.get(frame_idx), memory.pointers.get(frame_idx)
        return Rows(memory.slot, features, pointer, shown=frame_idx % self._history)

    def aside(self, memory: ObjectMemory, place: int, *, evicted: bool) -> Rows:
        """Where something is put aside: a prompted frame, or an evicted one; `place` is below `num_aside`."""
        behind = self.max_conditioning_frames + place + (self.num_aside if evicted else 0)
        shown = None if evicted else self._history + place
        return Rows(memory.slot, behind + self._feature_positions, behind + self._pointer_positions, shown)

    def copy(self, source: Rows, target: Rows) -> None:
        """Copy what both have of a frame."""
        for tensor, name in (
            (self._features, "features"),
            (self._pointers, "pointer"),
            (self._mask_logits, "shown"),
            (self._scores, "shown"),
        ):
            here, there = getattr(source, name), getattr(target, name)
            if here is not None and there is not None:
                tensor[target.slot, there] = tensor[source.slot, here]

    def discard(self, memory: ObjectMemory, frame_idx: int) -> None:
        """Take a followed frame whose numbers are not finite out of the memory: the mask of the frame before
        stands in for its mask, its scores say nothing."""
        for tensor, positions in ((self._features, memory.features), (self._pointers, memory.pointers)):
            if frame_idx in positions:
                tensor[memory.slot, positions[frame_idx]] = 0
        memory.release(frame_idx)
        memory.not_finite.add(frame_idx)
        place, before = frame_idx % self._history, memory.followed[0] % self._history
        logits = self._mask_logits[memory.slot]
        if memory.followed[1] == frame_idx and before != place:
            logits[place] = logits[before]
            memory.note_view(frame_idx, memory.views.get(memory.followed[0]))
        else:
            logits[place] = HIDDEN_LOGIT
        self._scores[memory.slot, place, 0] = HIDDEN_LOGIT
        self._scores[memory.slot, place, 1] = 0.0
        self._scores[memory.slot, place, 2] = NO_RIVAL


def _rows_of(tensor: Tensor, rows: Tensor) -> Tensor:
    """(B, T, ...) of a (capacity, places, ...) tensor and (B, T) rows of it: each is copied as it lies."""
    copied = tensor.flatten(0, 1).index_select(0, rows.flatten())
    return copied.reshape(*rows.shape, *tensor.shape[2:])


def shown_at(bank: MemoryBank, memories: Sequence[ObjectMemory], frames: Sequence[int]) -> tuple[Tensor, ...]:
    """As `MemoryBank.predictions`, each object's of a kept frame of its own."""
    at = [memory.slot for memory in memories], [frame_idx % bank._history for frame_idx in frames]
    return bank._mask_logits[at], bank._scores[at]


def show(bank: MemoryBank, memories: Sequence[ObjectMemory], frame_idx: int, *shown: Tensor) -> None:
    """Show what `shown_at` gave, changed, on a kept frame; it enters no memory."""
    at = [memory.slot for memory in memories], frame_idx % bank._history
    for tensor, values in zip((bank._mask_logits, bank._scores), shown, strict=True):
        tensor[at] = values


def amend(
    bank: MemoryBank, memory: ObjectMemory, frame_idx: int, mask_logits: Tensor, features: Tensor | None
) -> None:
    """Store another mask of a followed frame, (1, h, w), and what it leaves in memory, (1, L, M)."""
    bank.mask_logits(memory, frame_idx).copy_(mask_logits)
    if features is not None:
        bank._features[memory.slot, memory.features[frame_idx]] = features[0]


def summarise(prediction: MaskPrediction, features: Tensor | None) -> Tensor:
    """(B, 3) float32: object score logits, IoU scores and rivals of B objects on a frame; `features` as far
    as they are there.

    The score is NaN where any number that would be remembered or shown is not finite: one look at the
    scores, which come to the host anyway, tells whether a frame is fit to be remembered.
    """
    shown = prediction.low_res_mask_logits.sum(dim=(1, 2))
    remembered = prediction.object_pointers.float().sum(dim=1)
    if features is not None:
        remembered = features.sum(dim=(1, 2), dtype=torch.float32) + remembered
    alarm = 0 * (shown + remembered)[:, None]  # 0, or NaN
    rivals = prediction.rivals
    if rivals is None:
        rivals = torch.full_like(prediction.iou_scores, NO_RIVAL)
    estimates = torch.stack((prediction.iou_scores, rivals), dim=1)
    return torch.cat((prediction.object_score_logits + alarm, estimates), dim=1)
