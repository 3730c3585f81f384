"""What a session knows of one object beside its tensors."""

from __future__ import annotations

from streamtrack.config import TrackingConfig
from streamtrack.engine.memory_bank import ObjectMemory
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.frame import EventKind, ObjectMask, ObjectState
from streamtrack.tracking.object_state import ObjectStateMachine, event_of_change


class TrackedObject:
    """One object: its name, where its memory lies, its prompts and states on the frames that are kept."""

    def __init__(self, object_id: int, label: str, memory: ObjectMemory, config: TrackingConfig) -> None:
        self.object_id = object_id
        self.label = label
        self.memory = memory
        self.prompts: dict[int, CheckedPrompt] = {}
        """By frame, for those that a fast-forward may have to repeat."""
        self._config = config
        self._machine = self._new_machine()
        self._states: dict[int, ObjectState] = {}
        self._told = ObjectState.TRACKING

    def forget_conditioning_after(self, frame_idx: int) -> None:
        """Drop the conditioning frames behind a frame that is about to change; their prompts are repeated."""
        for later in [index for index in self.memory.conditioning if index > frame_idx]:
            del self.memory.conditioning[later]

    def forget_prompts_before(self, frame_idx: int) -> None:
        """Drop prompts on frames that are no longer kept."""
        for index in [index for index in self.prompts if index < frame_idx]:
            del self.prompts[index]

    def update_state(self, found: ObjectMask, frame_idx: int, now_ns: int) -> EventKind | None:
        """Note what was found on a frame; returns the event to tell where the state changed."""
        state = self._machine.update(
            visible=found.area_px > 0 and found.object_score > 0.5, iou_score=found.iou_score, now_ns=now_ns
        )
        self._states[frame_idx] = state
        self._states.pop(frame_idx - self._config.history_frames, None)
        event = event_of_change(self._told, state)
        self._told = state
        return event

    def restart_states(self, from_frame: int) -> None:
        """Forget the states from a mended frame on. A prompted object counts as seen."""
        self._machine = self._new_machine()
        for index in [index for index in self._states if index >= from_frame]:
            del self._states[index]

    def state_at(self, frame_idx: int) -> ObjectState:
        """The state on a kept frame."""
        return self._states[frame_idx]

    def _new_machine(self) -> ObjectStateMachine:
        return ObjectStateMachine(self._config.uncertain_iou_score, self._config.lost_after_ms)
