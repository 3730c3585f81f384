"""A session in which only some frames go through the network; between them masks are carried by optical flow.

Approximate, and for that many times cheaper: see `tracking.keyframe_interval`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from streamtrack.clock import SYSTEM_CLOCK, Clock
from streamtrack.config import TrackingConfig
from streamtrack.engine.preprocess import as_frame
from streamtrack.errors import PromptError
from streamtrack.frame import (
    Event,
    EventKind,
    Frame,
    FrameResult,
    Image,
    ObjectMask,
    ObjectState,
    StageTimes,
)
from streamtrack.prompt import Prompt, Values
from streamtrack.tracking import optical_flow as carry
from streamtrack.tracking.prompts import check_prompt
from streamtrack.tracking.results import build_objects
from streamtrack.tracking.session import Session

OF_THE_STREAM = (EventKind.REMOVED, EventKind.LABELED, EventKind.GAP)
"""Events that belong to the newest frame, whether or not the network saw it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One of the last frames."""

    frame: Frame
    key: int
    """The inner session's number of its key frame: the last one, or itself."""
    key_frame_idx: int
    """Our number of that frame."""
    times: StageTimes


class CarryingSession(Session):
    """Has the interface of `Session` and one such session inside, which sees the key frames alone.

    Frame numbers are those of all frames. A key frame is every n-th
    frame, one that a prompt waits for, one after a gap, and one of another size. A prompt on a carried frame
    is moved by the flow to its key frame and applied there; its events name that frame. States change on key
    frames only; but an object whose mask leaves the picture in between is `occluded` until then.
    """

    def __init__(self, session: Session, config: TrackingConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """`session` must be new."""
        self._inner = session
        self._config = config
        self._clock = clock
        self._number = -1
        self._kept: list[_Kept | None] = [None] * config.history_frames
        # One more than the frames: the key frame of the oldest may lie before it.
        ring = config.history_frames + config.keyframe_interval
        self._greys = np.zeros((ring, carry.SIDE_PX, carry.SIDE_PX), np.uint8)
        self._tracer = carry.Tracer()
        self._to_key = carry.IDENTITY
        self._frame_idx_of_key: dict[int, int] = {}
        self._told_gap = False
        self._events: list[Event] = []

    # -- what there is -----------------------------------------------------------------------------

    @property
    def object_ids(self) -> tuple[int, ...]:
        return self._inner.object_ids

    @property
    def pending_object_ids(self) -> tuple[int, ...]:
        return self._inner.pending_object_ids

    @property
    def newest_frame_idx(self) -> int:
        return self._number

    @property
    def oldest_frame_idx(self) -> int:
        return -1 if self._number < 0 else max(0, self._number - self._config.history_frames + 1)

    @property
    def num_bytes(self) -> int:
        return self._inner.num_bytes + self._greys.nbytes

    def first_frame_of(self, object_id: int) -> int:
        first_key = self._inner.first_frame_of(object_id)
        return -1 if first_key < 0 else self._frame_idx_of_key[first_key]

    def label_of(self, object_id: int) -> str:
        return self._inner.label_of(object_id)

    # -- frames ------------------------------------------------------------------------------------

    def step(self, frame: Frame | Image) -> FrameResult:
        frame = as_frame(frame, self._number + 1, self._clock)
        return self._step_key(frame) if self._wants_network(frame) else self._step_carried(frame)

    def encode_ahead(self, frame: Frame | Image) -> None:
        # It is the frame after the next.
        if self._number >= 0:
            distance = self._number + 2 - self._at(self._number).key_frame_idx
            if distance == self._config.keyframe_interval:
                self._inner.encode_ahead(frame)

    def result(self, frame_idx: int | None = None) -> FrameResult:
        frame_idx = self._number if frame_idx is None else frame_idx
        self._check_kept(frame_idx)
        kept = self._at(frame_idx)
        if kept.key_frame_idx == frame_idx:
            return replace(self._inner.result(kept.key), frame_idx=frame_idx, times=kept.times)
        objects = self._carry(kept, self._map_to_key(frame_idx))
        return FrameResult(frame_idx, kept.frame, objects, kept.times)

    def note_gap(self) -> None:
        self._told_gap = True
        self._inner.note_gap()
        self._take_over_events()

    # -- objects -----------------------------------------------------------------------------------

    def add(
        self,
        object_id: int,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        label: str = "",
        at_frame: int | None = None,
    ) -> None:
        prompt, key = Prompt(object_id, points, labels, box, mask, label), None
        if at_frame is not None:
            self._check_kept(at_frame)
            key = self._at(at_frame).key
            prompt = self._move_to_key(prompt, at_frame, starts_object=True)
        self._inner.add(
            object_id,
            points=prompt.points,
            labels=prompt.labels,
            box=prompt.box,
            mask=prompt.mask,
            label=label,
            at_frame=key,
        )
        self._take_over_events()

    def correct(
        self,
        object_id: int,
        *,
        points: Values | None = None,
        labels: Values | None = None,
        box: Values | None = None,
        mask: ArrayLike | None = None,
        at_frame: int | None = None,
    ) -> FrameResult:
        at_frame = self._number if at_frame is None else at_frame
        self._inner._known(object_id)
        self._check_kept(at_frame)
        first_frame = self.first_frame_of(object_id)
        if at_frame < first_frame:
            raise PromptError(
                f"object {object_id}: at_frame is {at_frame}, "
                f"expected its first frame ({first_frame}) or later"
            )
        prompt = Prompt(object_id, points, labels, box, mask)
        prompt = self._move_to_key(prompt, at_frame, starts_object=False)
        self._inner.correct(
            object_id,
            points=prompt.points,
            labels=prompt.labels,
            box=prompt.box,
            mask=prompt.mask,
            at_frame=self._at(at_frame).key,
        )
        self._take_over_events()
        return self.result(at_frame)

    def remove(self, object_id: int) -> None:
        self._inner.remove(object_id)
        self._take_over_events()

    def set_label(self, object_id: int, label: str) -> None:
        self._inner.set_label(object_id, label)
        self._take_over_events()

    # -- inside ------------------------------------------------------------------------------------

    def _wants_network(self, frame: Frame) -> bool:
        if self._number < 0 or frame.gap_before or self._told_gap or self._inner.pending_object_ids:
            return True
        newest = self._at(self._number)
        due = self._number + 1 - newest.key_frame_idx >= self._config.keyframe_interval
        return due or frame.image.shape != newest.frame.image.shape

    def _step_key(self, frame: Frame) -> FrameResult:
        result = self._inner.step(frame)
        self._told_gap = False
        self._number += 1
        self._frame_idx_of_key[result.frame_idx] = self._number
        self._to_key = carry.IDENTITY
        self._keep(_Kept(frame, result.frame_idx, self._number, result.times), carry.to_grey(frame.image))
        self._events += self._with_our_numbers(result.events)
        self._forget_old_keys()
        return replace(result, frame_idx=self._number, events=self.take_events())

    def _step_carried(self, frame: Frame) -> FrameResult:
        start_ns = self._clock.monotonic_ns()
        before, grey = self._at(self._number), carry.to_grey(frame.image)
        self._to_key = self._tracer.extend(self._to_key, self._grey(self._number), grey)
        self._number += 1
        objects = self._carry(replace(before, frame=frame), self._to_key)
        times = StageTimes(frame.capture_monotonic_ns, start_ns, self._clock.monotonic_ns())
        self._keep(replace(before, frame=frame, times=times), grey)
        return FrameResult(self._number, frame, objects, times, self.take_events())

    @torch.inference_mode()
    def _carry(self, kept: _Kept, to_key: carry.TrackMap) -> dict[int, ObjectMask]:
        """The objects of a carried frame: masks moved, scores and states of its key frame."""
        inner = self._inner
        present = [one for one in inner._objects.values() if one.memory.first_frame <= kept.key]
        size = (kept.frame.height_px, kept.frame.width_px)
        found = build_objects(
            inner._bank,
            present,
            kept.key,
            size,
            inner._runner.download,
            move=lambda logits: carry.look_up(logits, to_key),
        )
        objects = inner._with_states(found, kept.key)
        return {
            object_id: one
            if one.area_px or one.state is ObjectState.LOST
            else replace(one, state=ObjectState.OCCLUDED)
            for object_id, one in objects.items()
        }

    def _move_to_key(self, prompt: Prompt, frame_idx: int, *, starts_object: bool) -> Prompt:
        """A prompt for a kept frame as one for its key frame; refused if it does not fit the frame itself."""
        kept = self._at(frame_idx)
        size = (kept.frame.height_px, kept.frame.width_px)
        check_prompt(prompt, size, starts_object=starts_object)
        if kept.key_frame_idx == frame_idx:
            return prompt
        if prompt.mask is not None:
            mask = carry.move_mask(prompt.mask, self._tracer.trace(self._greys_to_key(frame_idx)[::-1]))
            return Prompt(prompt.object_id, mask=mask, label=prompt.label)
        to_key = self._map_to_key(frame_idx)
        return Prompt(
            prompt.object_id,
            points=carry.move_points(prompt.points.tolist(), to_key, size),
            labels=prompt.labels,
            box=None if prompt.box is None else carry.move_box(prompt.box.tolist(), to_key, size),
            label=prompt.label,
        )

    def _map_to_key(self, frame_idx: int) -> carry.TrackMap:
        return (
            self._to_key if frame_idx == self._number else self._tracer.trace(self._greys_to_key(frame_idx))
        )

    def _greys_to_key(self, frame_idx: int) -> list[carry.Grey]:
        """From the key frame of a kept frame to the frame itself."""
        return [self._grey(index) for index in range(self._at(frame_idx).key_frame_idx, frame_idx + 1)]

    def _grey(self, frame_idx: int) -> carry.Grey:
        grey: carry.Grey = self._greys[frame_idx % len(self._greys)]
        return grey

    def _at(self, frame_idx: int) -> _Kept:
        kept = self._kept[frame_idx % len(self._kept)]
        assert kept is not None
        return kept

    def _keep(self, kept: _Kept, grey: carry.Grey) -> None:
        self._kept[self._number % len(self._kept)] = kept
        self._greys[self._number % len(self._greys)] = grey

    def _forget_old_keys(self) -> None:
        """Numbers stay known of kept frames and of those that objects began on or remember for good."""
        wanted = {index for one in self._inner._objects.values()
                  for index in (one.memory.first_frame, *one.memory.conditioning)}  # fmt: skip
        oldest = self._inner.oldest_frame_idx
        self._frame_idx_of_key = {
            key: index for key, index in self._frame_idx_of_key.items() if key >= oldest or key in wanted
        }

    def _take_over_events(self) -> None:
        self._events += self._with_our_numbers(self._inner.take_events())

    def _with_our_numbers(self, events: Iterable[Event]) -> list[Event]:
        translated = []
        for event in events:
            known = self._frame_idx_of_key.get(event.frame_idx, -1)
            detail = dict(event.detail)
            if event.kind is EventKind.CONDITIONING_EVICTED:
                detail["evicted_frame_idx"] = self._frame_idx_of_key[detail["evicted_frame_idx"]]
            frame_idx = self._number if event.kind in OF_THE_STREAM else known
            translated.append(replace(event, frame_idx=frame_idx, detail=detail))
        return translated
