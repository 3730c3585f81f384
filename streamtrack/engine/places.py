"""Where a batch of objects reads and writes in the bank: index numbers, all of them one upload."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

WRITE_COLUMNS = 4
"""Columns of `Places.index` that say where to write."""
ABSENT = -1
"""A row to read that is not there."""
EXPECTED_COLUMNS = 5
"""The last columns of `Places.index`, where anything is expected: a box and how much it counts."""
EXPECTED_UNITS = 10_000
"""What is 1 there, so that all of the index is whole numbers."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where in the bank B objects read and write on one frame."""

    index: Tensor
    """(B, 4 + 2T + 2P) long, see `split`, and 5 more where it `expects`. A read of -1 stands for nothing."""
    num_frames: int
    """T, memory frames read."""
    num_pointers: int
    """P, object pointers read."""
    filled_up: bool
    """Whether any read may be -1: the shape is then the same whatever the objects remember."""
    expects: bool = False
    """Whether it says where objects are expected."""
    rivals: bool = False
    """Whether anybody asks who else might be meant, see `MemoryRead.wants_rivals`."""

    def split(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What is written: (B, 4) slot, feature position, pointer position, place among the kept masks; what
        is read: (B, T) feature rows, (B, T) slot encodings, (B, P) pointer rows, (B, P) pointer ages."""
        frames, pointers = self.num_frames, self.num_pointers
        index = self.index[:, :-EXPECTED_COLUMNS] if self.expects else self.index
        written, rows, encodings, pointer_rows, ages = torch.split(
            index, [WRITE_COLUMNS, frames, frames, pointers, pointers], dim=1
        )
        return written, rows, encodings, pointer_rows, ages

    def expected(self) -> Tensor | None:
        """(B, 5) float32, see `MemoryRead.expected`."""
        if not self.expects:
            return None
        return self.index[:, -EXPECTED_COLUMNS:].to(torch.float32) / EXPECTED_UNITS


@dataclass(frozen=True, slots=True)
class Batching:
    """How objects share a pass through the network."""

    max_batch: int
    """Objects in one pass at most: a larger batch can be slower where its keys no longer fit a cache."""
    fixed_shapes: bool = False
    """False: objects that remember equally much share a pass, which then reads nothing in vain. True: all
    share one, filled up to a full memory and a power of two of objects, so that a compiled or captured step
    meets the same few shapes for ever."""


def fewer_together(batch: int, error: Exception) -> int:
    """How many objects share a pass from now on, after one of `batch` used the device's memory up.

    Args:
        error: torch's; raised where one object alone was too much.
    """
    if batch == 1:
        raise error
    fewer = batch // 2
    logger.warning("out of memory with %d objects in one pass: from now on %d at a time", batch, fewer)
    return fewer
