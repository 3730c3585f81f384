"""What was found of an object on a film's frames: the last of them at hand, all others in a file.

SAM 2 lets a film be followed from any frame on, after any correction: what was found anywhere may be read
again. Kept in memory it would grow with the film; so it lies in a temporary file without a name, which goes
with the process, in the folder that TMPDIR names.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, fields
from typing import IO

import torch
from torch import Tensor

from streamtrack.errors import CapacityError

WINDOW = 32
"""Frames of an object at hand: more than the 16 that a frame reads and the 15 of another place."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmOutput:
    """One object on one frame, as it is shown and as other frames read it."""

    low_res_mask_logits: Tensor
    """(h, w) float32."""
    object_score_logits: Tensor
    """(1,) float32, above 0 means visible."""
    object_pointer: Tensor
    """(C,) float32."""
    memory_features: Tensor
    """(L, M), `Geometry.memory_dtype`."""
    iou_score: Tensor
    """(1,) float32, the network's estimate of the mask's IoU, 0 to 1."""
    rival: Tensor = field(default_factory=lambda: torch.ones(1))
    """(1,) float32, see `choice.rival_overlap`."""
    appearance: Tensor = field(default_factory=lambda: torch.zeros(0))
    """(C,) float32, how it looks, see `engine.appearance`; (0,) where looks are not kept."""

    def tensors(self) -> tuple[Tensor, ...]:
        """Its fields in their order."""
        return tuple(getattr(self, one.name) for one in fields(self))

    def to_bytes(self) -> bytes:
        """All numbers, one field after the other."""
        parts = [part.contiguous().view(torch.uint8).flatten() for part in self.tensors()]
        return torch.cat(parts).cpu().numpy().tobytes()

    def from_bytes(self, record: bytes) -> FilmOutput:
        """The output that was written, of the same shapes and on the same device as this one."""
        flat = torch.frombuffer(bytearray(record), dtype=torch.uint8)
        sizes = [part.nbytes for part in self.tensors()]
        parts = zip(torch.split(flat, sizes), self.tensors(), strict=True)
        # A copy of each piece: a view of another dtype wants memory that begins at a multiple of its size.
        return FilmOutput(
            *(piece.clone().view(like.dtype).view(like.shape).to(like.device) for piece, like in parts)
        )


class OutputFile:
    """Records of one size in a temporary file; a place given back is used again."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="streamtrack-", buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._free: list[int] = []
        self._num_places = 0
        self._num_bytes = 0

    def write(self, record: bytes, place: int | None) -> int:
        """Write to a place of before, or to a new one; returns the place.

        Raises:
            CapacityError: the disk is full.
        """
        self._num_bytes = len(record)
        if place is None:
            place = self._free.pop() if self._free else self._num_places
            self._num_places = max(self._num_places, place + 1)
        try:
            self._file.seek(place * self._num_bytes)
            self._file.write(record)
        except OSError as error:
            raise CapacityError(
                f"temporary file in {tempfile.gettempdir()}: {error.strerror}, expected room for "
                f"{self._num_bytes} bytes (TMPDIR names another folder)"
            ) from error
        return place

    def read(self, place: int) -> bytes:
        """What was written there last."""
        self._file.seek(place * self._num_bytes)
        return self._file.read(self._num_bytes)

    def give_back(self, place: int) -> None:
        """The record is no longer wanted."""
        self._free.append(place)


class FollowedOutputs(MutableMapping[int, FilmOutput]):
    """The outputs of one object by frame_idx.

    Args:
        file: where those go that are not at hand; None: they are forgotten.
        window: how many are at hand.
    """

    def __init__(self, file: OutputFile | None, window: int = WINDOW) -> None:
        self._file = file
        self._window = window
        self._held: dict[int, FilmOutput] = {}
        self._places: dict[int, int] = {}
        self._unwritten: set[int] = set()
        self._like: FilmOutput | None = None

    def __contains__(self, frame_idx: object) -> bool:
        return frame_idx in self._held or frame_idx in self._places

    def __iter__(self) -> Iterator[int]:
        return iter(self._held.keys() | self._places.keys())

    def __len__(self) -> int:
        return len(self._held.keys() | self._places.keys())

    def __getitem__(self, frame_idx: int) -> FilmOutput:
        if frame_idx not in self._held:
            place = self._places[frame_idx]
            assert self._file is not None
            assert self._like is not None
            self._hold(frame_idx, self._like.from_bytes(self._file.read(place)))
        return self._held[frame_idx]

    def __setitem__(self, frame_idx: int, output: FilmOutput) -> None:
        self._like = output
        self._unwritten.add(frame_idx)
        self._hold(frame_idx, output)

    def __delitem__(self, frame_idx: int) -> None:
        if frame_idx not in self:
            raise KeyError(frame_idx)
        self._held.pop(frame_idx, None)
        self._unwritten.discard(frame_idx)
        place = self._places.pop(frame_idx, None)
        if place is not None and self._file is not None:
            self._file.give_back(place)

    def clear(self) -> None:
        """Forget all; nothing needs to be read for that."""
        for frame_idx in list(self):
            del self[frame_idx]

    def _hold(self, frame_idx: int, output: FilmOutput) -> None:
        """Take an output to hand; the one that was taken longest ago makes room."""
        self._held.pop(frame_idx, None)
        self._held[frame_idx] = output
        if len(self._held) <= self._window:
            return
        oldest = next(iter(self._held))
        leaving = self._held.pop(oldest)
        if oldest in self._unwritten:
            self._unwritten.discard(oldest)
            if self._file is not None:
                self._places[oldest] = self._file.write(leaving.to_bytes(), self._places.get(oldest))
