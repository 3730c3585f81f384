"""The way back of an object to before a prompt: what prompts displaced in the bank, and putting it back.

A prompt overwrites what memory alone had found on its frame, and its conditioning slot may cost an older
frame's. Both are put aside first and kept for as long as the frame is. So what is remembered depends on the
prompts in force alone, and not on when they came or which were taken back. The room for it is fixed: of more
prompted frames than there are conditioning slots the oldest can no longer be put back bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamtrack.engine.drift import Carried
from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.engine.object_memory import ObjectMemory
from streamtrack.engine.read_plan import Evidence
from streamtrack.engine.view import View


@dataclass(frozen=True, slots=True)
class _Evicted:
    by: int
    """The frame whose prompt took its slot."""
    place: int
    evidence: Evidence | None


@dataclass(slots=True)
class _Displaced:
    """Of one object, by frame_idx."""

    followed: dict[int, int] = field(default_factory=dict)
    """Prompted frames as memory alone had found them: their place aside."""
    views: dict[int, View | None] = field(default_factory=dict)
    """Of those, through which windows they were followed."""
    not_remembered: set[int] = field(default_factory=set)
    """Of those, frames that were in no memory."""
    not_finite: set[int] = field(default_factory=set)
    """Of those, frames on which the network's numbers were not finite."""
    carried: dict[int, Carried] = field(default_factory=dict)
    """Of those, frames on which the network had not looked, and where their masks are from."""
    evicted: dict[int, _Evicted] = field(default_factory=dict)
    """Conditioning frames that made room."""
    lost: int = -1
    """The newest frame whose prompt evicted what is not even here any more."""

    def forget_followed(self, frame_idx: int) -> None:
        del self.followed[frame_idx]
        self.views.pop(frame_idx, None)
        self.not_remembered.discard(frame_idx)
        self.not_finite.discard(frame_idx)
        self.carried.pop(frame_idx, None)


class Rewind:
    """Puts what prompts displace in a bank aside, and back."""

    def __init__(self, bank: MemoryBank) -> None:
        self._bank = bank
        self._displaced: dict[int, _Displaced] = {}

    def before_prompt(self, memory: ObjectMemory, frame_idx: int) -> None:
        """Put aside what a prompt on a kept frame is about to displace."""
        displaced = self._of(memory)
        if frame_idx != memory.first_frame and frame_idx not in displaced.followed:
            self._put_followed_aside(memory, displaced, frame_idx)
        evicted = self._bank.evicted_for(memory, frame_idx)
        if evicted is not None:
            self._put_evicted_aside(memory, displaced, evicted, frame_idx)

    def forget_after(self, memory: ObjectMemory, frame_idx: int) -> None:
        """Forget every frame behind one that is about to change; they will be followed again. Conditioning
        frames that made room for later ones are back."""
        displaced = self._of(memory)
        memory.forget_after(frame_idx)
        for index in [index for index in displaced.followed if index > frame_idx]:
            displaced.forget_followed(index)
        for index, one in tuple(displaced.evicted.items()):
            if one.by > frame_idx:
                del displaced.evicted[index]
                if index <= frame_idx:
                    self._put_evicted_back(memory, index, one)
        memory.conditioning = dict(sorted(memory.conditioning.items()))

    def can_rewind(self, memory: ObjectMemory, frame_idx: int) -> bool:
        """Whether all that the prompts from a frame on evicted is still here."""
        return frame_idx > self._of(memory).lost

    def to_before_prompts(self, memory: ObjectMemory, frame_idx: int) -> bool:
        """Forget a prompted frame and all behind it, and bring back what memory alone had found there.

        Returns:
            False where that is not here: the frame is the object's first, or must be followed anew.
        """
        displaced = self._of(memory)
        place, view = displaced.followed.get(frame_idx), displaced.views.get(frame_idx)
        remembered = frame_idx not in displaced.not_remembered
        finite = frame_idx not in displaced.not_finite
        carried = displaced.carried.get(frame_idx)
        self.forget_after(memory, frame_idx - 1)
        memory.followed = (-1, frame_idx - 1 if frame_idx > memory.first_frame else -1)
        if place is None:
            return False
        self._bank.written(memory, frame_idx)
        aside, here = self._bank.aside(memory, place, evicted=False), self._bank.frame(memory, frame_idx)
        self._bank.copy(aside, here)
        memory.note_view(frame_idx, view)
        if not remembered:
            memory.release(frame_idx)
        if not finite:
            memory.not_finite.add(frame_idx)
        if carried is not None:
            memory.carried[frame_idx] = carried
        return True

    def forget_before(self, memory: ObjectMemory, frame_idx: int) -> None:
        """Frames before this one are not kept: their prompts stay as they are."""
        displaced = self._displaced.get(memory.slot)
        if displaced is None:
            return
        for index in [index for index in displaced.followed if index < frame_idx]:
            displaced.forget_followed(index)
        displaced.evicted = {index: one for index, one in displaced.evicted.items() if one.by >= frame_idx}

    def close(self, memory: ObjectMemory) -> None:
        """Forget all of an object."""
        self._displaced.pop(memory.slot, None)

    def _of(self, memory: ObjectMemory) -> _Displaced:
        return self._displaced.setdefault(memory.slot, _Displaced())

    def _put_followed_aside(self, memory: ObjectMemory, displaced: _Displaced, frame_idx: int) -> None:
        if len(displaced.followed) == self._bank.num_aside:
            displaced.forget_followed(min(displaced.followed))
        place = self._free(displaced.followed.values())
        here = self._bank.frame(memory, frame_idx)
        self._bank.copy(here, self._bank.aside(memory, place, evicted=False))
        displaced.followed[frame_idx], displaced.views[frame_idx] = place, memory.views.get(frame_idx)
        if here.features is None or here.pointer is None:
            displaced.not_remembered.add(frame_idx)
        if frame_idx in memory.not_finite:
            displaced.not_finite.add(frame_idx)
        if frame_idx in memory.carried:
            displaced.carried[frame_idx] = memory.carried[frame_idx]

    def _put_evicted_aside(
        self, memory: ObjectMemory, displaced: _Displaced, frame_idx: int, by: int
    ) -> None:
        if len(displaced.evicted) == self._bank.num_aside:
            oldest = min(displaced.evicted, key=lambda index: displaced.evicted[index].by)
            displaced.lost = max(displaced.lost, displaced.evicted.pop(oldest).by)
        place = self._free(one.place for one in displaced.evicted.values())
        aside = self._bank.aside(memory, place, evicted=True)
        self._bank.copy(self._bank.conditioning(memory, frame_idx), aside)
        displaced.evicted[frame_idx] = _Evicted(by, place, memory.evidence.get(frame_idx))

    def _put_evicted_back(self, memory: ObjectMemory, frame_idx: int, one: _Evicted) -> None:
        aside = self._bank.aside(memory, one.place, evicted=True)
        self._bank.copy(aside, self._bank.reserve_conditioning(memory, frame_idx))
        if one.evidence is not None:
            memory.evidence[frame_idx] = one.evidence

    def _free(self, taken: Iterable[int]) -> int:
        return min(set(range(self._bank.num_aside)) - set(taken))
