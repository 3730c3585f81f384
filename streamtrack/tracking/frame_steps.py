"""A session's frames, one after the other: which of them goes through the network, and what each shows."""

from __future__ import annotations

from collections.abc import Mapping

from streamtrack.frame import EventKind, Frame, ObjectMask
from streamtrack.tracking.event_log import EventLog
from streamtrack.tracking.frame_log import FrameLog
from streamtrack.tracking.keyframes import KeyFramePolicy
from streamtrack.tracking.object_prompts import ObjectPrompts
from streamtrack.tracking.object_tracks import ObjectTracks


class FrameSteps:
    """Takes frames on, as key frames or carried ones."""

    def __init__(
        self,
        log: FrameLog,
        tracks: ObjectTracks,
        prompts: ObjectPrompts,
        key_frames: KeyFramePolicy,
        events: EventLog,
    ) -> None:
        self._log = log
        self._tracks = tracks
        self._prompts = prompts
        self._key_frames = key_frames
        self._events = events
        self._gap_noted = False

    def step(self, frame: Frame) -> Mapping[int, ObjectMask]:
        """Follow every object onto the next frame, which waiting prompts fit."""
        return self._step_key(frame) if self._wants_network(frame) else self._step_carried(frame)

    def note_gap(self) -> None:
        """Time passed that nobody saw: the next frame is a key frame."""
        self._gap_noted = True
        self._events.note(EventKind.GAP)

    def describe(self, frame_idx: int) -> Mapping[int, ObjectMask]:
        """What a kept frame shows, prompts that came later included."""
        kept = self._log.at(frame_idx)
        move = self._key_frames.carry(frame_idx, kept.key_frame_idx)
        return self._tracks.describe(kept.key, kept.size, move, frame_idx - kept.key_frame_idx)

    def _wants_network(self, frame: Frame) -> bool:
        if self._log.newest_frame_idx < 0 or self._gap_noted or frame.gap_before:
            return True
        newest = self._log.at(self._log.newest_frame_idx)
        # A whole frame ends what was carried from a damaged one, and serves those who wait for one.
        if not frame.damaged and (newest.key_damaged or self._prompts.waiting):
            return True
        if any(tracked.from_key >= self._tracks.next_key for tracked in self._tracks.by_id.values()):
            return True  # an object that came as a file is first looked for on it
        if frame.image.shape != newest.frame.image.shape:
            return True
        return self._key_frames.is_due(self._log.distance_from_key)

    def _step_key(self, frame: Frame) -> Mapping[int, ObjectMask]:
        key = self._log.next_key
        gap = self._gap_noted or frame.gap_before
        # Not counted before it is encoded: a frame that fails there can be given again.
        self._tracks.follow(key, frame, frames_on=max(1, self._log.distance_from_key), gap=gap)
        self._log.append(frame, is_key=True)
        self._key_frames.add(self._log.newest_frame_idx, frame.image, is_key=True)
        if frame.gap_before:
            self.note_gap()
        self._gap_noted = False
        # New objects wait for the device, those followed already run meanwhile.
        self._prompts.start_waiting(key)
        objects = self._tracks.settle()
        self._log.forget_keys(self._tracks.lasting_keys | self._prompts.steps.lasting_keys)
        return objects

    def _step_carried(self, frame: Frame) -> Mapping[int, ObjectMask]:
        self._log.append(frame, is_key=False)
        self._key_frames.add(self._log.newest_frame_idx, frame.image, is_key=False)
        return self.describe(self._log.newest_frame_idx)
