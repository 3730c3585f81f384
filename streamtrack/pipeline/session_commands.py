"""What each command does to a session. Runs in the tracker thread, between two frames; knows no thread and
no socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

import numpy as np

from streamtrack.config import PromptConfig
from streamtrack.control.commands import (
    AddCommand,
    Answer,
    AnyCommand,
    CorrectCommand,
    FindCommand,
    LabelCommand,
    ListCommand,
    PauseCommand,
    PromptCommand,
    RemoveCommand,
    ResumeCommand,
)
from streamtrack.errors import (
    CapacityError,
    DuplicateObjectError,
    NothingFoundError,
    PublishError,
    ShapeError,
    StreamOfflineError,
    StreamTrackError,
    UnknownObjectError,
)
from streamtrack.frame import BoolMask, Frame, FrameResult, ObjectMask
from streamtrack.object_record import ObjectInfo, record_of
from streamtrack.publish.mask_codec import decode_rle
from streamtrack.tracking import Session

MAX_OBJECT_ID = 2**31 - 1
DUPLICATE_IOU = 0.9
"""Two masks that overlap more than this are one thing: nobody wants it followed twice."""
FIND_REACH = 1 / 200
"""Share of the frame's width by which a click may miss a mask: two pixels of a small picture."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a command did."""

    answer: Answer
    result: FrameResult | None = None
    """The newest frame's masks as they are now; None where the command changed none."""


@dataclass(slots=True)
class SessionCommands:
    """Carries out commands on one session."""

    stream: str
    session: Session
    added_at: Mapping[int, int] = field(default_factory=dict)
    """Tracked frame of each followed object's first prompt. Replaced, never written into: others read it."""
    _highest_id: int = 0

    def prompt_first_frame(self, prompt: PromptConfig) -> None:
        """Prompt the frame that is tracked next, the stream's first.

        Raises:
            PromptError, CapacityError: it does not fit the session. What does not fit the frame shows in
            `step`.
        """
        # Ids that start a stream are taken even where the prompt turns out not to fit.
        self.session.add(
            prompt.object_id,
            points=prompt.points or None,
            labels=prompt.labels,
            box=prompt.box,
            label=prompt.label,
        )
        self._highest_id = max(self._highest_id, prompt.object_id)

    def apply(self, command: AnyCommand, newest: FrameResult | None) -> Applied:
        """Carry out one command.

        Args:
            newest: the newest tracked frame; prompts without `at_frame` apply to it at once, so that an
                operator sees at once what a click did, also where the stream is slow, paused or offline.
        Raises:
            UnknownObjectError, PromptError, ShapeError, CapacityError: it does not fit.
            StreamOfflineError: it needs a frame and there is none.
        """
        applied = self._carry_out(command, newest)
        if applied.result is None:
            return applied
        # Told now and not with the next frame, which a stream that stands still may never see.
        return replace(applied, result=replace(applied.result, events=self.session.take_events()))

    def _carry_out(self, command: AnyCommand, newest: FrameResult | None) -> Applied:
        newest_idx = -1 if newest is None else newest.frame_idx
        match command:
            case AddCommand():
                return self._add(command, self._need(newest))
            case CorrectCommand():
                return self._correct(command, self._need(newest))
            case RemoveCommand():
                self._check_followed(command.object_id)
                self.session.remove(command.object_id)
                self.refresh()
                result = without_object(newest, command.object_id) if newest else None
                return Applied(self._answer(command, newest_idx, command.object_id), result)
            case LabelCommand():
                self._check_followed(command.object_id)
                self.session.set_label(command.object_id, command.label)
                result = with_label(newest, command.object_id, command.label) if newest else None
                return Applied(self._answer(command, newest_idx, command.object_id), result)
            case ListCommand():
                objects = list_objects(newest, self.added_at)
                return Applied(self._answer(command, newest_idx).model_copy(update={"objects": objects}))
            case FindCommand():
                return self._find(command, self._need(newest))
            case PauseCommand() | ResumeCommand():
                return Applied(self._answer(command, newest_idx))
            case _:
                assert_never(command)

    def refresh(self) -> None:
        """Read anew which objects are followed; after the first frame, whose prompts may not all have
        fitted."""
        session = self.session
        self.added_at = {object_id: session.first_frame_of(object_id) for object_id in session.object_ids}

    def _add(self, command: AddCommand, newest: FrameResult) -> Applied:
        object_id = self._next_id() if command.object_id is None else command.object_id
        at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
        mask = self._mask_of(command, newest.frame)
        self.session.add(
            object_id,
            points=command.points or None,
            labels=command.labels,
            box=command.box,
            mask=mask,
            label=command.label,
            at_frame=at_frame,
        )
        self._highest_id = max(self._highest_id, object_id)
        self._check_start(object_id, at_frame)
        self.refresh()
        return Applied(self._answer(command, at_frame, object_id), self.session.result())

    def _check_start(self, object_id: int, at_frame: int) -> None:
        """Let go of an object that a prompt started on nothing, or on what is followed already.

        Raises:
            NothingFoundError, DuplicateObjectError: it did.
        """
        objects = self.session.result(at_frame).objects
        if object_id not in objects:
            return
        found = objects[object_id]
        error: StreamTrackError | None = None
        if found.area_px == 0:
            error = NothingFoundError(f"{self.stream}: nothing was found there, expected an object")
        for other in objects.values():
            if other.object_id != object_id and mask_iou(found, other) > DUPLICATE_IOU:
                error = DuplicateObjectError(self.stream, other.object_id)
        if error is not None:
            self.session.remove(object_id)
            raise error

    def _find(self, command: FindCommand, newest: FrameResult) -> Applied:
        at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
        object_id = object_at(self.session.result(at_frame), command.point)
        return Applied(self._answer(command, at_frame, object_id))

    def _correct(self, command: CorrectCommand, newest: FrameResult) -> Applied:
        self._check_followed(command.object_id)
        at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
        self.session.correct(
            command.object_id,
            points=command.points or None,
            labels=command.labels,
            box=command.box,
            mask=self._mask_of(command, newest.frame),
            at_frame=at_frame,
        )
        result = self.session.result()
        return Applied(self._answer(command, at_frame, command.object_id), result)

    def _need(self, newest: FrameResult | None) -> FrameResult:
        if newest is None:
            raise StreamOfflineError(
                f"{self.stream}: no frame was tracked yet, expected the source to deliver one"
            )
        return newest

    def _check_followed(self, object_id: int) -> None:
        if object_id not in self.session.object_ids:
            raise UnknownObjectError(self.stream, object_id, self.session.object_ids)

    def _mask_of(self, command: PromptCommand, frame: Frame) -> BoolMask | None:
        if command.mask is None:
            return None
        expected = (frame.height_px, frame.width_px)
        # Before decoding: a claim of 16384 x 16384 would cost 268 MB.
        if command.mask.size != expected:
            raise ShapeError(
                f"{self.stream}: mask has size {list(command.mask.size)}, expected {list(expected)}"
            )
        try:
            return decode_rle(command.mask.counts.encode(), expected)
        except PublishError as error:
            raise ShapeError(f"{self.stream}: mask.counts: {error}") from error

    def _next_id(self) -> int:
        # An id that was ever used is not given again: a subscriber that missed the removal would mix the
        # two up.
        if self._highest_id >= MAX_OBJECT_ID:
            raise CapacityError(
                f"{self.stream}: object_id {MAX_OBJECT_ID} is used up, expected one to be named"
            )
        return self._highest_id + 1

    def _answer(self, command: AnyCommand, frame_idx: int, object_id: int | None = None) -> Answer:
        return Answer(stream=self.stream, op=command.op, frame_idx=frame_idx, object_id=object_id)


def object_at(result: FrameResult, point: tuple[float, float]) -> int | None:
    """The object under a point in pixels of the frame, or within FIND_REACH of its width; of several the
    smallest, which is the one in front more often than not. None where there is none."""
    x, y = point
    reach = max(1, round(result.frame.width_px * FIND_REACH))
    hits: list[ObjectMask] = []
    for mask in result.objects.values():
        x0, y0, _, _ = mask.box
        left, top = int(x) - x0 - reach, int(y) - y0 - reach
        right, bottom = left + 2 * reach + 1, top + 2 * reach + 1
        if right > 0 and bottom > 0 and mask.crop[max(top, 0) : bottom, max(left, 0) : right].any():
            hits.append(mask)
    return min(hits, key=lambda mask: mask.area_px).object_id if hits else None


def mask_iou(a: ObjectMask, b: ObjectMask) -> float:
    """Overlap of two masks of one frame; 0 where both are empty."""
    x0, y0 = max(a.box[0], b.box[0]), max(a.box[1], b.box[1])
    x1, y1 = min(a.box[2], b.box[2]), min(a.box[3], b.box[3])
    if x0 >= x1 or y0 >= y1:
        return 0.0
    in_a, in_b = (
        one.crop[y0 - one.box[1] : y1 - one.box[1], x0 - one.box[0] : x1 - one.box[0]] for one in (a, b)
    )
    shared = int(np.count_nonzero(in_a & in_b))
    return shared / (a.area_px + b.area_px - shared)


def without_object(result: FrameResult, object_id: int) -> FrameResult:
    """The same frame without one object and without its events."""
    objects = {known: mask for known, mask in result.objects.items() if known != object_id}
    return replace(result, objects=objects, events=())


def with_label(result: FrameResult, object_id: int, label: str) -> FrameResult:
    """The same frame with one object called something else, without its events."""
    objects = {
        known: replace(mask, label=label) if known == object_id else mask
        for known, mask in result.objects.items()
    }
    return replace(result, objects=objects, events=())


def list_objects(newest: FrameResult | None, added_at: Mapping[int, int]) -> tuple[ObjectInfo, ...]:
    """Every followed object as of the newest tracked frame."""
    if newest is None:
        return ()
    return tuple(
        ObjectInfo(**record_of(mask), added_at_frame=added_at.get(mask.object_id, -1))
        for mask in newest.objects.values()
    )
