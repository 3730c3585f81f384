"""What a session knows of one object beside its tensors. Frames are numbered by key."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Slot
from streamtrack.frame import EventKind, ObjectMask, ObjectState
from streamtrack.tracking.object_state import ObjectStateMachine, event_of_change
from streamtrack.tracking.prompt_history import PromptHistory


@dataclass(slots=True)
class Streak:
    """Frames in a row without finite numbers."""

    count: int = 0

    def add(self) -> bool:
        """Count one more; True where that is worth an event: the 1st, 2nd, 4th, 8th, and so on."""
        self.count += 1
        return self.count & (self.count - 1) == 0


@dataclass(frozen=True, slots=True)
class _Noted:
    """How an object stood after a key frame."""

    state: ObjectState
    machine: ObjectStateMachine
    told: ObjectState
    num_not_finite: int


class TrackedObject:
    """One object: its name, its slot, its prompts and states on the frames that are kept."""

    def __init__(self, object_id: int, label: str, slot: Slot, config: TrackingConfig) -> None:
        self.object_id = object_id
        self.label = label
        self.slot = slot
        self.prompts = PromptHistory()
        self.not_finite = Streak()
        self._config = config
        self._machine = self._new_machine()
        self._noted: dict[int, _Noted] = {}
        self._told = ObjectState.TRACKING

    def update_state(self, mask: ObjectMask, key: int, now_ns: int) -> EventKind | None:
        """Note what was found on a frame; returns the event to report where the state changed."""
        before = self._told
        if before is ObjectState.UNSEEN and self._machine.state is ObjectState.LOST:
            before = ObjectState.LOST
        visible = mask.area_px > 0 and mask.object_score > 0.5
        state = self._machine.update(visible=visible, iou_score=mask.iou_score, now_ns=now_ns)
        was_unseen, self._told = self._told is ObjectState.UNSEEN, state
        self.not_finite.count = 0
        self._note(key, state)
        return event_of_change(ObjectState.UNSEEN if was_unseen and before is state else before, state)

    def note_unseen(self, key: int) -> bool:
        """The network's numbers for a frame were not finite; True where that is worth an event."""
        self._told = ObjectState.UNSEEN
        self._note(key, ObjectState.UNSEEN)
        return self.not_finite.add()

    def _note(self, key: int, state: ObjectState) -> None:
        self._noted[key] = _Noted(state, replace(self._machine), self._told, self.not_finite.count)
        # One more than the frames that are kept: the oldest of them may be followed anew.
        self._noted.pop(key - self._config.history_frames - 1, None)

    def restart_states(self, from_key: int) -> None:
        """Forget the states from a corrected frame on. A prompted object counts as seen."""
        self._machine = self._new_machine()
        self.not_finite.count = 0
        self._forget_states(from_key)

    def rewind_states(self, to_key: int) -> None:
        """Stand as before a kept key frame, from which on everything will be followed anew."""
        self._forget_states(to_key)
        before = self._noted.get(to_key - 1)
        self._machine = self._new_machine() if before is None else replace(before.machine)
        self._told = ObjectState.TRACKING if before is None else before.told
        self.not_finite.count = 0 if before is None else before.num_not_finite

    def state_at(self, key: int) -> ObjectState:
        """The state on a kept key frame."""
        return self._noted[key].state

    def _forget_states(self, from_key: int) -> None:
        for index in [index for index in self._noted if index >= from_key]:
            del self._noted[index]

    def _new_machine(self) -> ObjectStateMachine:
        return ObjectStateMachine(self._config.uncertain_iou_score, self._config.lost_after_ms)
