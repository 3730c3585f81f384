"""The followed objects of a session, over its key frames: between prompts and results above, and the engine's
numbers below. Frames are numbered by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from streamtrack.config import TrackingConfig
from streamtrack.engine.follower import Follower, Found
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.errors import CapacityError
from streamtrack.frame import EventKind, Frame, ObjectMask, ObjectState
from streamtrack.tracking.keyframes import Move
from streamtrack.tracking.results import build_object
from streamtrack.tracking.stream_time import StreamTime
from streamtrack.tracking.tracked_object import TrackedObject

STATES_THAT_STAY = (ObjectState.LOST, ObjectState.UNSEEN)
"""States of a key frame that a carried frame takes over even where its mask is empty."""


class Report(Protocol):
    """Takes what happened to an object on a key frame."""

    def __call__(self, kind: EventKind, key: int, object_id: int, **detail: Any) -> None: ...


class ObjectTracks:
    """Starts, follows, corrects and describes objects, and reports what happens to them."""

    def __init__(self, follower: Follower, config: TrackingConfig, report: Report) -> None:
        self._follower = follower
        self._config = config
        self._report = report
        self._tracked: dict[int, TrackedObject] = {}
        self._stream_time = StreamTime(config.history_frames)
        self._sizes = [(0, 0)] * config.history_frames
        self._newest_key = -1

    @property
    def by_id(self) -> Mapping[int, TrackedObject]:
        """The objects, in the order in which they came."""
        return self._tracked

    @property
    def lasting_keys(self) -> set[int]:
        """Keys that objects began on or remember for good."""
        slots = [tracked.slot for tracked in self._tracked.values()]
        return {key for slot in slots for key in (slot.first_frame, *slot.conditioning)}

    @property
    def _oldest_key(self) -> int:
        return max(0, self._newest_key - self._config.history_frames + 1)

    # -- frames ------------------------------------------------------------------------------------

    def follow(self, key: int, frame: Frame) -> None:
        """Find every object on the next key frame, without waiting for it."""
        self._follower.encode(key, frame.image, fit_to_remember=not frame.damaged)
        self._follower.follow([tracked.slot for tracked in self._tracked.values()], key)
        self._stream_time.advance(frame)
        self._sizes[key % len(self._sizes)] = frame.height_px, frame.width_px
        self._newest_key = key

    def settle(self, followed: Iterable[TrackedObject]) -> dict[int, ObjectMask]:
        """What the newest key frame shows, once it is known; the states of those followed onto it change."""
        key = self._newest_key
        found = self._found(key)
        masks = self._masks(found, self._size(key))
        for tracked in followed:
            self._update_state(tracked, found[tracked.object_id], masks[tracked.object_id], key)
        return self._with_states(masks, key)

    def describe(
        self, key: int, frame_size: tuple[int, int], move: Move | None = None
    ) -> dict[int, ObjectMask]:
        """What a kept frame shows.

        Args:
            key: the frame's own, or that of the key frame before it.
            frame_size: of the frame itself, H, W in pixels.
            move: how masks come from the key frame to the frame.
        """
        objects = self._with_states(self._masks(self._found(key), frame_size, move), key)
        if move is None:
            return objects
        # What was carried out of the picture is not there, whatever the key frame said.
        return {
            object_id: one
            if one.area_px or one.state in STATES_THAT_STAY
            else replace(one, state=ObjectState.OCCLUDED)
            for object_id, one in objects.items()
        }

    # -- objects -----------------------------------------------------------------------------------

    def start(self, object_id: int, label: str, prompt: CheckedPrompt, key: int) -> bool:
        """Follow a new object from a kept key frame to the newest; False, and no object, where the network's
        numbers for the prompt are not finite.

        Raises:
            CapacityError: the device has no memory for one more; nothing has changed.
        """
        # A slot is kept only if the prompt leaves something to follow.
        slot = self._follower.open(key)
        try:
            conditioned = self._follower.condition(slot, key, prompt, corrects=False)
        except CapacityError:  # the device's memory is used up: the others go on without it
            self._follower.close(slot)
            raise
        if conditioned is None:
            self._follower.close(slot)
            return False
        tracked = TrackedObject(object_id, label, slot, self._config)
        tracked.prompts[key] = prompt
        self._tracked[object_id] = tracked
        mask = build_object(tracked, conditioned.found, self._size(key))
        self._report(EventKind.ADDED, key, object_id, area_px=mask.area_px)
        self._update_state(tracked, conditioned.found, mask, key)
        self._replay(tracked, key)
        return True

    def correct(self, object_id: int, prompt: CheckedPrompt, key: int) -> bool:
        """Correct an object on a kept key frame, and follow it anew from there to the newest; False, and
        nothing changed, where the network's numbers for the prompt are not finite."""
        tracked = self._tracked[object_id]
        # Clicks on one frame add up; later prompts are repeated by the replay.
        if key in tracked.prompts:
            prompt = tracked.prompts[key].followed_by(prompt)
        conditioned = self._follower.condition(tracked.slot, key, prompt, corrects=True, restarts=True)
        if conditioned is None:
            return False
        tracked.prompts[key] = prompt
        tracked.forget_prompts_before(self._oldest_key)
        self._report_eviction(tracked, key, conditioned.evicted)
        self._report(EventKind.CORRECTED, key, object_id)
        tracked.restart_states(key)
        mask = build_object(tracked, conditioned.found, self._size(key))
        self._update_state(tracked, conditioned.found, mask, key)
        self._replay(tracked, key)
        return True

    def remove(self, object_id: int) -> None:
        """Stop following an object."""
        self._follower.close(self._tracked.pop(object_id).slot)

    # -- inside ------------------------------------------------------------------------------------

    def _replay(self, tracked: TrackedObject, from_key: int) -> None:
        """Follow one object again behind a prompted frame, its later prompts included."""
        keys = range(from_key + 1, self._newest_key + 1)
        for replayed in self._follower.replay(tracked.slot, keys, tracked.prompts):
            self._report_eviction(tracked, replayed.frame_idx, replayed.evicted)
            mask = build_object(tracked, replayed.found, self._size(replayed.frame_idx))
            self._update_state(tracked, replayed.found, mask, replayed.frame_idx)

    def _report_eviction(self, tracked: TrackedObject, key: int, evicted: int | None) -> None:
        if evicted is not None:
            self._report(EventKind.CONDITIONING_EVICTED, key, tracked.object_id, evicted_frame_idx=evicted)

    def _update_state(self, tracked: TrackedObject, found: Found, mask: ObjectMask, key: int) -> None:
        if not found.finite:
            if tracked.note_unseen(key):
                self._report(EventKind.NOT_FINITE, key, tracked.object_id, count=tracked.not_finite.count)
            return
        event = tracked.update_state(mask, key, self._stream_time.at(key))
        if event is not None:
            self._report(event, key, tracked.object_id)

    def _found(self, key: int) -> dict[int, Found]:
        """What the engine found of every object that was there on a key frame; waits for the device."""
        present = [tracked for tracked in self._tracked.values() if tracked.slot.first_frame <= key]
        found = self._follower.found([tracked.slot for tracked in present], key)
        return {tracked.object_id: one for tracked, one in zip(present, found, strict=True)}

    def _masks(
        self, found: Mapping[int, Found], frame_size: tuple[int, int], move: Move | None = None
    ) -> dict[int, ObjectMask]:
        return {
            object_id: build_object(self._tracked[object_id], one, frame_size, move)
            for object_id, one in found.items()
        }

    def _with_states(self, masks: Mapping[int, ObjectMask], key: int) -> dict[int, ObjectMask]:
        return {
            object_id: replace(mask, state=self._tracked[object_id].state_at(key))
            for object_id, mask in masks.items()
        }

    def _size(self, key: int) -> tuple[int, int]:
        return self._sizes[key % len(self._sizes)]
