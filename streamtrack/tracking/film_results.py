"""From what was seen of a film's objects to results: states over time, events, masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamtrack.clock import NS_PER_S
from streamtrack.config import TrackingConfig
from streamtrack.frame import (
    Event,
    EventKind,
    Frame,
    FrameResult,
    ObjectMask,
    ObjectState,
    StageTimes,
)
from streamtrack.tracking.claims import ClashWatch, share_out
from streamtrack.tracking.film_seen import Seen, mask_of
from streamtrack.tracking.film_span import FilmSpan
from streamtrack.tracking.film_track import FilmTrack
from streamtrack.tracking.film_watch import is_visible
from streamtrack.tracking.object_state import ObjectStateMachine, before_confirmed, event_of_change
from streamtrack.tracking.postprocess import Box, logits_in_box
from streamtrack.tracking.scene_cut import make_scene_cuts
from streamtrack.tracking.stream_time import LARGEST_PTS_STEP_NS
from streamtrack.tracking.tracked_object import Streak


class _Told:
    """What was last told of an object."""

    def __init__(self, config: TrackingConfig) -> None:
        self.machine = ObjectStateMachine(config.uncertain_iou_score, config.lost_after_ms)
        self.state = ObjectState.TRACKING
        self.not_finite = Streak()


class FilmResults:
    """Makes the results of one run, frame by frame in the order in which they are told."""

    def __init__(self, tracks: Mapping[int, FilmTrack], span: FilmSpan, config: TrackingConfig) -> None:
        self._tracks = tracks
        self._span = span
        self._config = config
        self._told: dict[int, _Told] = {}
        self._cuts = make_scene_cuts(config)
        self._clashes = ClashWatch(config.clash_iou, config.clash_frames)
        self._now_ns = 0
        self._before: Frame | None = None

    def result(
        self, frame: Frame, seen: Mapping[int, Seen], events: Sequence[Event] = (), started_ns: int = 0
    ) -> FrameResult:
        """One frame's objects, in the order in which they came, with what happened to them.

        Args:
            frame: `seq` is its number.
            events: that come before those of the objects.
            started_ns: monotonic time at which the frame's work began.
        """
        self._advance(frame)
        happened = [*events, *self._prompted(frame.seq, seen), *self._ended(frame.seq)]
        objects = {}
        for object_id, track in self._tracks.items():
            if object_id in seen:
                state, event = self._state(object_id, seen[object_id], frame.seq)
                happened += [event] if event is not None else []
                objects[object_id] = mask_of(object_id, track.label, seen[object_id], state)
        happened = [*self._of_the_scene(frame), *happened, *self._clashing(objects, frame.seq)]
        logits = {key: one.logits for key, one in seen.items() if one.logits is not None}
        times = StageTimes(frame.capture_monotonic_ns, started_ns)
        return FrameResult(
            frame.seq, frame, self._shown(objects, logits), times, tuple(happened), logits or None
        )

    def _advance(self, frame: Frame) -> None:
        """Time goes on by what lies between two frames of the film, whatever the direction."""
        before, self._before = self._before, frame
        if before is not None and before.time_s is not None and frame.time_s is not None:
            step_ns = int(abs(frame.time_s - before.time_s) * NS_PER_S)
            self._now_ns += step_ns if step_ns <= LARGEST_PTS_STEP_NS else 0

    def _prompted(self, number: int, seen: Mapping[int, Seen]) -> list[Event]:
        """The prompts of a frame: an object's first adds it, later ones correct it."""
        events = []
        for object_id, track in self._tracks.items():
            if object_id not in seen or not track.conditioning:
                continue
            prompted = [self._span.number(position) for position in track.conditioning]
            if number == min(prompted):
                area_px = int(seen[object_id].crop.sum())
                events.append(Event(EventKind.ADDED, number, object_id, {"area_px": area_px}))
            elif number in prompted:
                events.append(Event(EventKind.CORRECTED, number, object_id))
        return events

    def _of_the_scene(self, frame: Frame) -> list[Event]:
        """The event of a scene that begins."""
        if self._cuts is None or frame.damaged:
            return []
        cut = self._cuts.see(frame.image)
        return [] if cut is None else [Event(EventKind.SCENE_CUT, frame.seq, None, cut.as_detail())]

    def _clashing(self, objects: Mapping[int, ObjectMask], number: int) -> list[Event]:
        return [
            _event(EventKind.IDENTITY_CLASH, number, clash.object_id, **clash.as_detail())
            for clash in self._clashes.see(objects)
        ]

    def _shown(
        self, objects: Mapping[int, ObjectMask], logits: Mapping[int, NDArray[np.float32]]
    ) -> Mapping[int, ObjectMask]:
        """What is shown of masks that overlap: by their logits where those are at hand, else by whose mask is
        better as a whole."""
        if self._config.overlap == "allow":
            return objects

        def logits_in(object_id: int, box: Box) -> NDArray[np.float32]:
            one = objects[object_id]
            if len(logits) == len(objects):
                return logits_in_box(logits[object_id], one.frame_size, None, box)
            return np.full((box[3] - box[1], box[2] - box[0]), one.object_score * one.iou_score, np.float32)

        return share_out(objects, logits_in)

    def _ended(self, number: int) -> list[Event]:
        ended = [
            object_id
            for object_id, track in self._tracks.items()
            if track.last is not None and self._span.number(track.last + 1) == number
        ]
        return [Event(EventKind.REMOVED, number, object_id) for object_id in ended]

    def _state(self, object_id: int, seen: Seen, number: int) -> tuple[ObjectState, Event | None]:
        """The state on a frame, and the event where it changed."""
        told = self._told.setdefault(object_id, _Told(self._config))
        if not seen.finite:
            told.state = ObjectState.UNSEEN
            if not told.not_finite.add():
                return told.state, None
            return told.state, _event(EventKind.NOT_FINITE, number, object_id, count=told.not_finite.count)
        before = told.state
        if before is ObjectState.UNSEEN and told.machine.state is ObjectState.LOST:
            before = ObjectState.LOST
        iou_score = seen.iou_score if seen.believed else -1.0
        was_lost, visible = told.machine.was_lost, is_visible(seen)
        told.state = told.machine.update(
            visible=visible, iou_score=iou_score, now_ns=self._now_ns, confirmed=seen.confirmed
        )
        before = before_confirmed(before, was_lost=was_lost, visible=visible, confirmed=seen.confirmed)
        told.not_finite.count = 0
        kind = event_of_change(before, told.state)
        return told.state, None if kind is None else _event(kind, number, object_id)


def _event(kind: EventKind, number: int, object_id: int, **detail: Any) -> Event:
    return Event(kind, number, object_id, detail)
