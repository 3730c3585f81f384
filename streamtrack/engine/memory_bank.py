"""What every object remembers: preallocated tensors and the bookkeeping of which frame lies where.

At stride 1 an object's future depends only on its last 6 memory features, its last 15 object pointers, and
its conditioning frames (those with prompts). So there are two rings, written in place at `frame_idx` modulo
their length, and a capped set of conditioning slots. The rings are longer than what is read by the length
of the history, so that a prompt on a past frame finds the memory of its time. Nothing here grows with the
stream.

Features reach 6 frames back and pointers 15: a bank that cut both at the same age would not be lossless.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from streamtrack.model.interface import Geometry, MaskPrediction, MemoryRead

FIRST_CAPACITY = 2
"""Object slots allocated at first; doubled whenever they are all taken."""
WRITE_COLUMNS = 4
"""Columns of `Places.index` that say where to write."""
ABSENT = -1
"""A row to read that is not there."""


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
class Places:
    """Where in the bank B objects read and write on one frame. All index numbers are one upload."""

    index: Tensor
    """(B, 4 + 2T + 2P) long, see `split`. A read of -1 stands for nothing."""
    num_frames: int
    """T, memory frames read."""
    num_pointers: int
    """P, object pointers read."""
    filled_up: bool
    """Whether any read may be -1: the shape is then the same whatever the objects remember."""

    def split(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What is written: (B, 4) slot, feature position, pointer position, place among the kept masks; what
        is read: (B, T) feature rows, (B, T) slot encodings, (B, P) pointer rows, (B, P) pointer ages."""
        frames, pointers = self.num_frames, self.num_pointers
        written, rows, encodings, pointer_rows, ages = torch.split(
            self.index, [WRITE_COLUMNS, frames, frames, pointers, pointers], dim=1
        )
        return written, rows, encodings, pointer_rows, ages


@dataclass(frozen=True, slots=True)
class Batching:
    """How objects share a pass through the network."""

    max_batch: int
    """Objects in one pass at most: a larger batch can be slower where its keys no longer fit a cache."""
    fixed_shapes: bool = False
    """False: objects that remember equally much share a pass, which then reads nothing in vain. True: all
    share one, filled up to a full memory and a power of two of objects, so that a compiled or captured step
    meets the same few shapes for ever."""


@dataclass(frozen=True, slots=True)
class _ReadPlan:
    """Which memory one object reads on one frame."""

    feature_rows: list[int]
    slot_encodings: list[int]
    pointer_rows: list[int]
    pointer_ages: list[int]
    num_conditioning: int

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.feature_rows), len(self.pointer_rows)


class MemoryBank:
    """Memory of up to `capacity` objects; grows by doubling, never with time.

    Args:
        max_conditioning_frames: conditioning slots of each object.
        history_frames: H, tracked frames that can still be prompted.
        recent_frames: unprompted frames whose memory features are read; None: as many as the checkpoint's.
        stride: of those, all but the newest lie this many frames apart.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        max_conditioning_frames: int,
        history_frames: int,
        device: torch.device,
        recent_frames: int | None = None,
        stride: int = 1,
    ) -> None:
        self._geometry = geometry
        self._max_conditioning = max_conditioning_frames
        self._history = history_frames
        self._device = device
        self._recent_frames = geometry.recent_frames if recent_frames is None else recent_frames
        self._stride = stride
        oldest_read = (self._recent_frames - 1) * stride + 1
        self._feature_ring = oldest_read + history_frames
        self._pointer_ring = geometry.recent_pointers + history_frames
        self._capacity = 0
        self._free: list[int] = []
        self.allocation = 0
        """Rises whenever the tensors are allocated anew: what was captured with the old ones is void."""
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
        self.allocation += 1
        positions = self._max_conditioning + self._feature_ring
        self._features = self._zeros(capacity, positions, g.memory_tokens, g.memory_dim, dtype=g.memory_dtype)
        self._pointers = self._zeros(capacity, self._max_conditioning + self._pointer_ring, g.pointer_dim)
        self._mask_logits = self._zeros(capacity, self._history, *g.low_res_size)
        self._scores = self._zeros(capacity, self._history, 2)

    def _zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=self._device)

    def _tensors(self) -> tuple[Tensor, ...]:
        return self._features, self._pointers, self._mask_logits, self._scores

    # -- reading -----------------------------------------------------------------------------------

    def locate(
        self, memories: Sequence[ObjectMemory], frame_idx: int, batching: Batching
    ) -> Iterator[Places]:
        """What objects that were there before `frame_idx` read and write on it, in batches."""
        plans = [(memory, self._plan_read(memory, frame_idx)) for memory in memories]
        groups: dict[tuple[int, int], list[tuple[ObjectMemory, _ReadPlan]]] = defaultdict(list)
        for memory, plan in plans:
            groups[(0, 0) if batching.fixed_shapes else plan.counts].append((memory, plan))
        for group in groups.values():
            for start in range(0, len(group), batching.max_batch):
                batch = group[start : start + batching.max_batch]
                yield self._upload(batch, frame_idx, batching)

    def _upload(
        self, batch: Sequence[tuple[ObjectMemory, _ReadPlan]], frame_idx: int, batching: Batching
    ) -> Places:
        frames, pointers = batch[0][1].counts
        if batching.fixed_shapes:
            prompted = max(plan.num_conditioning for _, plan in batch)
            frames = self._recent_frames + prompted
            pointers = self._geometry.recent_pointers + prompted
        rows = [
            [
                *self._written(memory, frame_idx),
                *_fill_up(plan.feature_rows, frames, ABSENT),
                *_fill_up(plan.slot_encodings, frames, 0),
                *_fill_up(plan.pointer_rows, pointers, ABSENT),
                *_fill_up(plan.pointer_ages, pointers, 0),
            ]
            for memory, plan in batch
        ]
        if batching.fixed_shapes:
            # An object that is found twice is written twice, with the same numbers.
            rows += [rows[0]] * (min(_next_power_of_two(len(rows)), batching.max_batch) - len(rows))
        index = torch.tensor(rows)
        if self._device.type == "cuda":
            index = index.pin_memory()
        index = index.to(self._device, non_blocking=True)
        return Places(index, frames, pointers, filled_up=batching.fixed_shapes)

    def _plan_read(self, memory: ObjectMemory, frame_idx: int) -> _ReadPlan:
        past = {index: place for index, place in memory.conditioning.items() if index < frame_idx}

        def unprompted(candidates: Iterable[int]) -> list[int]:
            return [index for index in candidates if index >= memory.first_frame and index not in past]

        age_of = {index: age for age, index in enumerate(self._recent(frame_idx))}
        recent = unprompted(age_of)
        reach = self._geometry.recent_pointers
        recent_with_pointer = unprompted(range(frame_idx - reach, frame_idx))
        features = memory.slot * self._features.shape[1]
        pointers = memory.slot * self._pointers.shape[1]
        return _ReadPlan(
            feature_rows=[
                *(features + place for place in past.values()),
                *(features + self._feature_position(index) for index in recent),
            ],
            # The encoding of a conditioning frame is the checkpoint's last, however many frames are read.
            slot_encodings=[
                *(self._geometry.recent_frames for _ in past),
                *(age_of[index] for index in recent),
            ],
            pointer_rows=[
                *(pointers + place for place in past.values()),
                *(pointers + self._pointer_position(index) for index in recent_with_pointer),
            ],
            pointer_ages=[
                *(frame_idx - index for index in past),
                *(frame_idx - index for index in recent_with_pointer),
            ],
            num_conditioning=len(past),
        )

    def _recent(self, frame_idx: int) -> list[int]:
        """The frames whose features are read, newest first: the last one, then multiples of the stride."""
        second = (frame_idx - 2) // self._stride * self._stride
        return [frame_idx - 1, *(second - age * self._stride for age in range(self._recent_frames - 1))]

    def read(self, places: Places) -> MemoryRead:
        """The memory of a batch of objects."""
        _, feature_rows, encodings, pointer_rows, ages = places.split()
        absent = None
        if places.filled_up:
            absent = feature_rows < 0, pointer_rows < 0
            feature_rows, pointer_rows = feature_rows.clamp(min=0), pointer_rows.clamp(min=0)
        return MemoryRead(
            features=self._features.flatten(0, 1)[feature_rows],
            slots=encodings,
            pointers=self._pointers.flatten(0, 1)[pointer_rows],
            pointer_ages=ages.to(torch.float32),
            absent=absent,
        )

    def mask_logits(self, memory: ObjectMemory, frame_idx: int) -> Tensor:
        """(1, h, w): the low-res mask logits of a kept frame."""
        return self._mask_logits[memory.slot, frame_idx % self._history][None]

    def predictions(self, memories: Sequence[ObjectMemory], frame_idx: int) -> tuple[Tensor, Tensor]:
        """Of a kept frame: low-res mask logits (B, h, w); object score logits and IoU scores (B, 2)."""
        slots = [memory.slot for memory in memories]
        place = frame_idx % self._history
        return self._mask_logits[slots, place], self._scores[slots, place]

    # -- writing -----------------------------------------------------------------------------------

    def write(self, places: Places, prediction: MaskPrediction, features: Tensor) -> None:
        """Store what B objects were found to be on a frame; `features` is (B, L, M)."""
        slots, feature_position, pointer_position, place = places.split()[0].unbind(1)
        self._features[slots, feature_position] = features
        self._pointers[slots, pointer_position] = prediction.object_pointers.float()
        self._mask_logits[slots, place] = prediction.low_res_mask_logits
        scores = torch.cat((prediction.object_score_logits, prediction.iou_scores[:, None]), dim=1)
        self._scores[slots, place] = scores

    def _written(self, memory: ObjectMemory, frame_idx: int) -> tuple[int, int, int, int]:
        """Where an object's part of a frame is written: the first columns of `Places.index`."""
        return (
            memory.slot,
            self._feature_position(frame_idx),
            self._pointer_position(frame_idx),
            frame_idx % self._history,
        )

    def write_conditioning(
        self, memory: ObjectMemory, frame_idx: int, prediction: MaskPrediction, features: Tensor
    ) -> int | None:
        """Store a prompted frame of one object; returns the conditioning frame that had to go, if one had.

        The frame is written to the rings as well: evicted later, it is still a recent frame like any other.
        """
        index = torch.tensor([self._written(memory, frame_idx)]).to(self._device, non_blocking=True)
        self.write(Places(index, 0, 0, filled_up=False), prediction, features)
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


def _fill_up(values: list[int], length: int, filler: int) -> list[int]:
    return values + [filler] * (length - len(values))


def _next_power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
