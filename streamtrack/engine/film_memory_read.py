"""A film's memory as the network reads it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from streamtrack.engine.film_object import FilmObject
from streamtrack.engine.read_plan import Reading
from streamtrack.model.interface import MemoryRead, Network


def read_memory(
    network: Network, batch: Sequence[tuple[FilmObject, Reading]], age_scale: float
) -> MemoryRead:
    """The memory of objects that read equally much; ages of pointers are stretched by `age_scale`."""
    device, geometry = network.device, network.geometry
    conditioning = geometry.recent_frames
    features = [tracked[read.frame_idx].memory_features for tracked, all_ in batch for read in all_.features]
    pointers = [tracked[read.frame_idx].object_pointer for tracked, all_ in batch for read in all_.pointers]
    slots = [
        [conditioning if read.age is None else read.age - 1 for read in reading.features]
        for _, reading in batch
    ]
    ages = [[read.age * age_scale for read in reading.pointers] for _, reading in batch]
    size = len(batch)
    stacked_features = torch.stack(features)
    stacked = torch.stack(pointers) if pointers else torch.zeros(0, geometry.pointer_dim, device=device)
    return MemoryRead(
        features=stacked_features.view(size, -1, *stacked_features.shape[1:]),
        slots=torch.tensor(slots, dtype=torch.long).to(device),
        pointers=stacked.view(size, len(pointers) // size, geometry.pointer_dim),
        pointer_ages=torch.tensor(ages, dtype=torch.float32).view(size, -1 if pointers else 0).to(device),
    )
