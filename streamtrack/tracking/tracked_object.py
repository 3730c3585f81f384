"""What a session knows of one object beside its tensors. Frames are numbered by key."""

from __future__ import annotations

from dataclasses import dataclass

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Slot
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.frame import EventKind, ObjectMask, ObjectState
from streamtrack.tracking.object_state import ObjectStateMachine, event_of_change


@dataclass(slots=True)
class Streak:
    """Frames in a row without finite numbers."""

    count: int = 0

    def add(self) -> bool:
        """Count one more; True where that is worth an event: the 1st, 2nd, 4th, 8th, and so on."""
        self.count += 1
        return self.count & (self.count - 1) == 0


class TrackedObject:
    """One object: its name, its slot, its prompts and states on the frames that are kept."""

    def __init__(self, object_id: int, label: str, slot: Slot, config: TrackingConfig) -> None:
        self.object_id = object_id
        self.label = label
        self.slot = slot
        self.prompts: dict[int, CheckedPrompt] = {}
        """By key, for those that a replay may have to repeat."""
        self.not_finite = Streak()
        self._config = config
        self._machine = self._new_machine()
        self._states: dict[int, ObjectState] = {}
        self._told = ObjectState.TRACKING

    def forget_prompts_before(self, key: int) -> None:
        """Drop prompts on frames that are no longer kept."""
        for index in [index for index in self.prompts if index < key]:
            del self.prompts[index]

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
        self._states[key] = state
        self._states.pop(key - self._config.history_frames, None)

    def restart_states(self, from_key: int) -> None:
        """Forget the states from a corrected frame on. A prompted object counts as seen."""
        self._machine = self._new_machine()
        self.not_finite.count = 0
        for index in [index for index in self._states if index >= from_key]:
            del self._states[index]

    def state_at(self, key: int) -> ObjectState:
        """The state on a kept key frame."""
        return self._states[key]

    def _new_machine(self) -> ObjectStateMachine:
        return ObjectStateMachine(self._config.uncertain_iou_score, self._config.lost_after_ms)
