"""From a plan's reading to places in the bank, for objects in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.object_memory import ObjectMemory
from streamtrack.engine.places import ABSENT, EXPECTED_COLUMNS, EXPECTED_UNITS, Batching, Places
from streamtrack.engine.read_plan import MemoryPlan, Reading
from streamtrack.errors import ConfigError

ONE_OBJECT = Batching(max_batch=1)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What one object reads on one frame, as rows of the bank."""

    memory: ObjectMemory
    features: list[int]
    encodings: list[int]
    pointers: list[int]
    ages: list[int]
    num_conditioning: int

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.features), len(self.pointers)


class Locator:
    """Says where objects read and write, by a plan.

    Args:
        recent_frames: temporal encodings of recent frames that the checkpoint has; that of conditioning
            frames comes behind them.
        expects: say where objects are expected.
        rivals: ask who else might be meant.
    """

    def __init__(
        self,
        bank: MemoryBank,
        plan: MemoryPlan,
        recent_frames: int,
        *,
        expects: bool = False,
        rivals: bool = False,
    ) -> None:
        self._bank = bank
        self._plan = plan
        self._recent_frames = recent_frames
        self._expects = expects
        self._rivals = rivals

    def locate(
        self, memories: Sequence[ObjectMemory], frame_idx: int, batching: Batching
    ) -> Iterator[Places]:
        """What objects that were there before `frame_idx` read and write on it, in batches.

        Raises:
            ConfigError: the plan names a frame that is not stored, or an age that the checkpoint has not.
        """
        # Objects that read equally much share a pass; with fixed shapes all do.
        groups: dict[tuple[int, int], list[_Rows]] = defaultdict(list)
        for memory in memories:
            rows = self._rows(memory, self._plan.plan(memory.stored(frame_idx)))
            groups[(0, 0) if batching.fixed_shapes else rows.counts].append(rows)
        for group in groups.values():
            for start in range(0, len(group), batching.max_batch):
                batch = group[start : start + batching.max_batch]
                written = [self._bank.written(rows.memory, frame_idx) for rows in batch]
                yield self._upload(batch, written, batching)

    def locate_to_read(self, memory: ObjectMemory, frame_idx: int) -> Places:
        """What one object reads on a frame, for a prompt; nothing is reserved to write.

        Raises:
            ConfigError: as `locate`.
        """
        rows = self._rows(memory, self._plan.plan(memory.stored(frame_idx)))
        return self._upload([rows], [(memory.slot, 0, 0, 0)], ONE_OBJECT)

    def _rows(self, memory: ObjectMemory, reading: Reading) -> _Rows:
        ages = [read.age for read in reading.features]
        if any(age is not None and not 1 <= age <= self._recent_frames for age in ages):
            raise ConfigError(
                f"memory plan reads ages {ages}, expected from 1 to {self._recent_frames} or None"
            )
        try:
            return _Rows(
                memory,
                features=[self._bank.feature_row(memory, read.frame_idx) for read in reading.features],
                encodings=[self._recent_frames if age is None else age - 1 for age in ages],
                pointers=[self._bank.pointer_row(memory, read.frame_idx) for read in reading.pointers],
                ages=[read.age for read in reading.pointers],
                num_conditioning=reading.num_conditioning,
            )
        except KeyError as error:
            raise ConfigError(f"memory plan reads frame {error}, expected one that is stored") from None

    def _upload(
        self, batch: Sequence[_Rows], written: Sequence[tuple[int, int, int, int]], batching: Batching
    ) -> Places:
        frames, pointers = batch[0].counts
        if batching.fixed_shapes:
            prompted = max(rows.num_conditioning for rows in batch)
            frames = self._plan.max_features + prompted
            pointers = self._plan.max_pointers + prompted
        index_rows = [
            [
                *where,
                *_fill_up(rows.features, frames, ABSENT),
                *_fill_up(rows.encodings, frames, 0),
                *_fill_up(rows.pointers, pointers, ABSENT),
                *_fill_up(rows.ages, pointers, 0),
                *(_expected(rows.memory) if self._expects else ()),
            ]
            for rows, where in zip(batch, written, strict=True)
        ]
        if batching.fixed_shapes:
            # An object that is found twice is written twice, with the same numbers.
            num_objects = min(_next_power_of_two(len(index_rows)), batching.max_batch)
            index_rows += [index_rows[0]] * (num_objects - len(index_rows))
        index = torch.tensor(index_rows)
        if self._bank.device.type == "cuda":
            index = index.pin_memory()
        index = index.to(self._bank.device, non_blocking=True)
        return Places(index, frames, pointers, batching.fixed_shapes, self._expects, self._rivals)


def _expected(memory: ObjectMemory) -> list[int]:
    if memory.expected is None:
        return [0] * EXPECTED_COLUMNS
    return [round(EXPECTED_UNITS * number) for number in memory.expected]


def _fill_up(values: list[int], length: int, filler: int) -> list[int]:
    return values + [filler] * (length - len(values))


def _next_power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
