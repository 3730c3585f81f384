"""The frame that was followed last, as objects saw it with their memory: who looks again on it need not read
that memory again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from streamtrack.engine.step import SeenWith
from streamtrack.engine.view import View


@dataclass(slots=True)
class SeenFrame:
    """One frame at a time."""

    _frame_idx: int = -1
    _through: dict[View | None, tuple[SeenWith, ...]] = field(default_factory=dict)
    """By window, those followed last first."""

    def clear(self) -> None:
        """Another frame comes, or what is remembered changes."""
        self._through = {}

    def note(self, frame_idx: int, view: View | None, seen: Sequence[SeenWith]) -> None:
        """Objects were followed onto a frame through a window; what is kept of other frames goes."""
        if frame_idx != self._frame_idx:
            self.clear()
        self._frame_idx = frame_idx
        self._through[view] = (*seen, *self._through.get(view, ()))

    def by(self, slot: int, frame_idx: int, view: View | None) -> Tensor | None:
        """(1, L, C): the frame as the object in a slot of the bank saw it, see `MemoryRead.seen`; None where
        that is not kept. Waits for the device."""
        if frame_idx != self._frame_idx:
            return None
        kept = (seen.by(slot) for seen in self._through.get(view, ()))
        return next((one for one in kept if one is not None), None)
