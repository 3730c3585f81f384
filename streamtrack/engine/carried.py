"""What an object remembers, taken out of one bank and put into another: of another session, another camera.

Frames are told by how long ago they were, 1 for the newest that was followed. So the memory fits whatever
numbers the frames have where it is put in: what was the newest frame is there the one before the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from streamtrack.engine.anchored_plan import ANCHORS, newest_anchors
from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.object_memory import ObjectMemory, Rows
from streamtrack.engine.read_plan import Evidence, MemoryPlan
from streamtrack.engine.view import View
from streamtrack.model.interface import Geometry


@dataclass(frozen=True, slots=True, eq=False)
class CarriedMemory:
    """One object's memory, apart from any bank, on the host. Each number of `..._ago` has its row."""

    first_ago: int
    """The frame of its first prompt."""
    since_origin: int
    """Frames from that on which a plan counts to the next one, see `ObjectMemory.origin`."""
    conditioning_ago: tuple[int, ...]
    """Conditioning frames, oldest first."""
    conditioning_features: Tensor
    """(len, L, M), `Geometry.memory_dtype`."""
    conditioning_pointers: Tensor
    """(len, C) float32."""
    features_ago: tuple[int, ...]
    """Followed frames whose memory features are stored, in the order in which they were followed."""
    features: Tensor
    """(len, L, M)."""
    pointers_ago: tuple[int, ...]
    """The same for object pointers."""
    pointers: Tensor
    """(len, C) float32."""
    mask_logits: Tensor
    """(h, w) float32: the newest frame's."""
    scores: Tensor
    """(3,) float32: the newest frame's object score logit, IoU score and rival."""
    evidence: Mapping[int, Evidence]
    """What was found on those frames, by how long ago."""
    view: View | None
    """The window that the newest frame was seen through; None: whole."""


def frames_to_carry(stored: Iterable[int], reach: int, lasting: Iterable[int] = ()) -> tuple[int, ...]:
    """Of stored frames those that a plan that reaches so far back can still read, in their order.

    A frame that is missing gives its place to the next older one, so it is the newest that are stored which
    count, however old they are.

    Args:
        lasting: frames that it reads however old they are.
    """
    frames = list(stored)
    wanted = {*sorted(frames)[-reach:], *lasting}
    return tuple(frame for frame in frames if frame in wanted)


def take_out(
    bank: MemoryBank, memory: ObjectMemory, plan: MemoryPlan, geometry: Geometry, next_frame: int
) -> CarriedMemory:
    """A copy of an object's memory. `next_frame` is the one that would be followed next."""
    conditioning = [bank.conditioning(memory, frame) for frame in memory.conditioning]
    anchors = newest_anchors(memory.stored(next_frame), ANCHORS)
    features = frames_to_carry(memory.features, plan.feature_reach, anchors)
    pointers = frames_to_carry(memory.pointers, plan.pointer_reach)
    _, _, mask_logits, scores = _parts(bank, bank.frame(memory, next_frame - 1))
    assert mask_logits is not None
    assert scores is not None
    spared = {*memory.conditioning, *features, *pointers}
    token_shape, pointer_shape = (geometry.memory_tokens, geometry.memory_dim), (geometry.pointer_dim,)
    return CarriedMemory(
        first_ago=next_frame - memory.first_frame,
        since_origin=next_frame - memory.origin,
        conditioning_ago=tuple(next_frame - frame for frame in memory.conditioning),
        conditioning_features=_stacked(bank, conditioning, 0, token_shape, geometry.memory_dtype),
        conditioning_pointers=_stacked(bank, conditioning, 1, pointer_shape, torch.float32),
        features_ago=tuple(next_frame - frame for frame in features),
        features=_stacked(
            bank,
            [Rows(memory.slot, memory.features[frame], None) for frame in features],
            0,
            token_shape,
            geometry.memory_dtype,
        ),
        pointers_ago=tuple(next_frame - frame for frame in pointers),
        pointers=_stacked(
            bank,
            [Rows(memory.slot, None, memory.pointers[frame]) for frame in pointers],
            1,
            pointer_shape,
            torch.float32,
        ),
        mask_logits=mask_logits.cpu().clone(),
        scores=scores.cpu().clone(),
        evidence={next_frame - frame: one for frame, one in memory.evidence.items() if frame in spared},
        view=memory.views.get(next_frame - 1),
    )


def put_in(bank: MemoryBank, carried: CarriedMemory, next_frame: int) -> ObjectMemory:
    """A slot that remembers this, for an object that will be followed onto `next_frame`.

    Where the bank has less room, the first prompt and the newest frames are kept.
    """
    memory = bank.open(next_frame - carried.first_ago)
    memory.origin = next_frame - carried.since_origin
    memory.followed = next_frame - 2, next_frame - 1
    for index in _that_fit(len(carried.conditioning_ago), bank.max_conditioning_frames):
        frame = next_frame - carried.conditioning_ago[index]
        features, pointer, _, _ = _parts(bank, bank.reserve_conditioning(memory, frame))
        _write(features, carried.conditioning_features[index])
        _write(pointer, carried.conditioning_pointers[index])
    for part, agos, rows, positions, free in (
        (0, carried.features_ago, carried.features, memory.features, memory.free_features),
        (1, carried.pointers_ago, carried.pointers, memory.pointers, memory.free_pointers),
    ):
        for index in range(max(0, len(agos) - len(free)), len(agos)):
            place = positions[next_frame - agos[index]] = free.pop()
            there = Rows(memory.slot, place, None) if part == 0 else Rows(memory.slot, None, place)
            _write(_parts(bank, there)[part], rows[index])
    _, _, mask_logits, scores = _parts(bank, bank.frame(memory, next_frame - 1))
    _write(mask_logits, carried.mask_logits)
    _write(scores, carried.scores)
    stored = {*memory.conditioning, *memory.features, *memory.pointers}
    memory.evidence = {
        next_frame - ago: one for ago, one in carried.evidence.items() if next_frame - ago in stored
    }
    memory.note_view(next_frame - 1, carried.view)
    return memory


def _that_fit(number: int, room: int) -> list[int]:
    """Places of the first and the newest of so many."""
    return list(range(number)) if number <= room else [0, *range(number - room + 1, number)]


def _stacked(
    bank: MemoryBank, rows: Sequence[Rows], part: int, shape: tuple[int, ...], dtype: torch.dtype
) -> Tensor:
    if not rows:
        return torch.zeros((0, *shape), dtype=dtype)
    found = [_parts(bank, row)[part] for row in rows]
    return torch.stack([one for one in found if one is not None]).cpu()


def _parts(bank: MemoryBank, rows: Rows) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
    """Views of what lies there: features (L, M), pointer (C,), mask logits (h, w) and scores (3,)."""
    features, pointers, mask_logits, scores = bank.tensors()
    return (
        None if rows.features is None else features[rows.slot, rows.features],
        None if rows.pointer is None else pointers[rows.slot, rows.pointer],
        None if rows.shown is None else mask_logits[rows.slot, rows.shown],
        None if rows.shown is None else scores[rows.slot, rows.shown],
    )


def _write(place: Tensor | None, value: Tensor) -> None:
    assert place is not None
    place.copy_(value)
