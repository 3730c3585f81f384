"""What each command does to a session. Runs in the tracker thread, between two frames; knows no thread and
no socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from streamtrack.control.commands import (
    AddCommand,
    Answer,
    AnyCommand,
    CandidatesCommand,
    ChooseCommand,
    ClearCommand,
    CorrectCommand,
    ExportAnswer,
    FindCommand,
    LabelCommand,
    LikenessCommand,
    ListCommand,
    MendCommand,
    MergeCommand,
    PauseCommand,
    RemoveCommand,
    ReplayCommand,
    RestartCommand,
    ResumeCommand,
    RetryCommand,
    StartOverCommand,
    UndoCommand,
)
from streamtrack.control.memory_commands import (
    AddFromCommand,
    AddMemoryCommand,
    ExportCommand,
    ProposeCommand,
)
from streamtrack.errors import (
    CapacityError,
    DuplicateObjectError,
    NothingFoundError,
    StreamOfflineError,
    StreamTrackError,
    UnknownObjectError,
    UnknownStreamError,
)
from streamtrack.frame import EventKind, Frame, FrameResult, ObjectMask, masks_iou
from streamtrack.object_record import ObjectInfo, record_of
from streamtrack.pipeline import memories, second_thoughts
from streamtrack.pipeline.stream_session import StreamSession
from streamtrack.prompt import Prompt

MAX_OBJECT_ID = 2**31 - 1
DUPLICATE_IOU = 0.9
"""Two masks that overlap more than this are one thing: nobody wants it followed twice."""
LEAST_IOU = 0.4
"""Of what a single click finds, by the network's own estimate: below it is ground, which has no outline. Of
37 clicks on DAVIS nothing below had an IoU above 0.4; what had more was estimated at 0.49 and up."""
FIND_REACH = 1 / 200
"""Share of the frame's width by which a click may miss a mask: two pixels of a small picture."""


def _is_one_click(prompt: Prompt) -> bool:
    return prompt.box is None and prompt.mask is None and len(prompt.labels) == 1


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
    session: StreamSession
    added_at: Mapping[int, int] = field(default_factory=dict)
    """Tracked frame of each followed object's first prompt. Replaced, never written into: others read it."""

    def apply(
        self, command: AnyCommand, newest: FrameResult | None, note: Mapping[str, Any] | None = None
    ) -> Applied:
        """Carry out one command.

        Args:
            newest: the newest tracked frame; prompts without `at_frame` apply to it at once, so that an
                operator sees at once what a click did, also where the stream is slow or paused.
            note: told in the detail of the events that say that the object came or went.
        Raises:
            UnknownObjectError, PromptError, ShapeError, CapacityError: it does not fit.
            StreamOfflineError: it needs a frame and there is none.
        """
        applied = self._carry_out(command, newest)
        if applied.result is None:
            return applied
        # Told now and not with the next frame, which a stream that stands still may never see.
        result = self.session.take_events(applied.result)
        if note:
            result = with_note(result, applied.answer.object_id, note)
        return replace(applied, result=result)

    def _carry_out(self, command: AnyCommand, newest: FrameResult | None) -> Applied:
        newest_idx = -1 if newest is None else newest.frame_idx
        match command:
            case AddCommand():
                return self._add(command, self._need(newest))
            case AddMemoryCommand():
                return self._add_memory(command, self._need(newest))
            case AddFromCommand():
                raise UnknownStreamError(command.source, (self.stream,))  # the server knows the others
            case ProposeCommand():
                return self._propose(command, self._need(newest))
            case ExportCommand():
                self._check_followed(command.object_id)
                answer = self._answer(command, newest_idx, command.object_id)
                memory = memories.export(self.session, command.object_id)
                return Applied(ExportAnswer(**answer.model_dump(), memory=memory))
            case CorrectCommand():
                return self._correct(command, self._need(newest))
            case MendCommand():
                return self._mend(command, self._need(newest))
            case LikenessCommand():
                self._check_followed(command.object_id)
                at_frame, alike = second_thoughts.likeness(self.session, command, self._need(newest))
                answer = self._answer(command, at_frame, command.object_id)
                return Applied(answer.model_copy(update={"likeness": alike}))
            case UndoCommand():
                return self._undo(command, self._need(newest))
            case CandidatesCommand():
                self._check_followed(command.object_id)
                at_frame, offered = second_thoughts.candidates(self.session, command)
                answer = self._answer(command, at_frame, command.object_id)
                return Applied(answer.model_copy(update={"candidates": offered}))
            case StartOverCommand():
                self._check_followed(command.object_id)
                at_frame = second_thoughts.start_over(self.session, command, self._need(newest))
                return self._changed(command, at_frame, command.object_id)
            case ClearCommand() | ChooseCommand() | MergeCommand():
                self._check_followed(command.object_id)
                if isinstance(command, MergeCommand):
                    self._check_followed(command.other_id)
                at_frame = second_thoughts.rewrite(self.session, command)
                return self._changed(command, at_frame, command.object_id)
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
            case PauseCommand() | ResumeCommand() | RestartCommand() | RetryCommand() | ReplayCommand():
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
        prompt = command.prompt(object_id, _size(newest.frame), at_frame)
        started = self.session.start(prompt, at_frame)
        error = self._why_not_started(started, prompt, at_frame)
        if error is not None:
            self.session.undo_start(object_id)
            raise error
        self.refresh()
        return Applied(self._answer(command, at_frame, object_id), self.session.result())

    def _propose(self, command: ProposeCommand, newest: FrameResult) -> Applied:
        object_id = self._next_id() if command.object_id is None else command.object_id
        at_frame, score, shown = memories.propose(self.session, command, object_id)
        started = bool(shown) and shown[0].chosen
        answer = self._answer(command, at_frame, object_id if started else None)
        answer = answer.model_copy(update={"likeness": (score,), "candidates": shown})
        if not started:
            return Applied(answer)
        error = self._duplicate(self.session.result(), object_id)
        if error is not None:
            self.session.undo_start(object_id)
            raise error
        self.refresh()
        return Applied(answer, self.session.result())

    def _add_memory(self, command: AddMemoryCommand, newest: FrameResult) -> Applied:
        object_id = self._next_id() if command.object_id is None else command.object_id
        at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
        started = memories.add(self.session, command, object_id, at_frame)
        # It may be hidden, and is then looked for; that it is followed already is no use to anybody.
        error = self._duplicate(started, object_id)
        if error is not None:
            self.session.undo_start(object_id)
            raise error
        self.refresh()
        found = started.objects[object_id]
        info = ObjectInfo(**record_of(found), added_at_frame=self.added_at.get(object_id, -1))
        answer = self._answer(command, at_frame, object_id).model_copy(update={"objects": (info,)})
        return Applied(answer, self.session.result())

    def _why_not_started(
        self, started: FrameResult, prompt: Prompt, at_frame: int
    ) -> StreamTrackError | None:
        """What is wrong with an object that a prompt started: on nothing, or on what is followed already."""
        found = started.objects.get(prompt.object_id)
        if found is None:
            return None
        # On the frame that it is for: who left since, or is not seen for a moment, was there.
        there = self.session.result(at_frame).objects.get(prompt.object_id, found)
        if there.area_px == 0 or (_is_one_click(prompt) and there.iou_score < LEAST_IOU):
            return NothingFoundError(f"{self.stream}: nothing was found there, expected an object")
        return self._duplicate(started, prompt.object_id)

    def _duplicate(self, started: FrameResult, object_id: int) -> DuplicateObjectError | None:
        """What is wrong where an object that was started is followed already."""
        found = started.objects.get(object_id)
        for other in started.objects.values() if found is not None else ():
            if found is not None and other.object_id != object_id and masks_iou(found, other) > DUPLICATE_IOU:
                return DuplicateObjectError(self.stream, other.object_id)
        return None

    def _undo(self, command: UndoCommand, newest: FrameResult) -> Applied:
        if command.object_id is not None:
            self._check_followed(command.object_id)
        undone = second_thoughts.undo(self.session, command)
        at_frame = newest.frame_idx if undone.frame_idx < 0 else undone.frame_idx
        applied = self._changed(command, at_frame, undone.object_id)
        return replace(applied, answer=applied.answer.model_copy(update={"undone": undone.what}))

    def _changed(self, command: AnyCommand, at_frame: int, object_id: int) -> Applied:
        self.refresh()
        return Applied(self._answer(command, at_frame, object_id), self.session.result())

    def _find(self, command: FindCommand, newest: FrameResult) -> Applied:
        at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
        object_id = object_at(self.session.result(at_frame), command.point)
        return Applied(self._answer(command, at_frame, object_id))

    def _correct(self, command: CorrectCommand, newest: FrameResult) -> Applied:
        self._check_followed(command.object_id)
        at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
        self.session.refine(command.prompt(command.object_id, _size(newest.frame), at_frame), at_frame)
        return Applied(self._answer(command, at_frame, command.object_id), self.session.result())

    def _mend(self, command: MendCommand, newest: FrameResult) -> Applied:
        self._check_followed(command.object_id)
        at_frame = second_thoughts.mend(self.session, command, newest)
        return Applied(self._answer(command, at_frame, command.object_id), self.session.result())

    def _need(self, newest: FrameResult | None) -> FrameResult:
        if newest is None:
            raise StreamOfflineError(
                f"{self.stream}: no frame was tracked yet, expected the source to deliver one"
            )
        return newest

    def _check_followed(self, object_id: int) -> None:
        if object_id not in self.session.object_ids:
            raise UnknownObjectError(self.stream, object_id, self.session.object_ids)

    def _next_id(self) -> int:
        # An id that was ever used is not given again: a subscriber that missed the removal would mix the
        # two up.
        if self.session.ids.highest >= MAX_OBJECT_ID:
            raise CapacityError(
                f"{self.stream}: object_id {MAX_OBJECT_ID} is used up, expected one to be named"
            )
        return self.session.ids.highest + 1

    def _answer(self, command: AnyCommand, frame_idx: int, object_id: int | None = None) -> Answer:
        return Answer(stream=self.stream, op=command.op, frame_idx=frame_idx, object_id=object_id)


def _size(frame: Frame) -> tuple[int, int]:
    return frame.height_px, frame.width_px


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


def with_note(result: FrameResult, object_id: int | None, note: Mapping[str, Any]) -> FrameResult:
    """The same result, with a note in the detail of the events that an object came or went."""
    events = tuple(
        replace(event, detail={**event.detail, **note})
        if event.object_id == object_id and event.kind in (EventKind.ADDED, EventKind.REMOVED)
        else event
        for event in result.events
    )
    return replace(result, events=events)


def list_objects(newest: FrameResult | None, added_at: Mapping[int, int]) -> tuple[ObjectInfo, ...]:
    """Every followed object as of the newest tracked frame."""
    if newest is None:
        return ()
    return tuple(
        ObjectInfo(**record_of(mask), added_at_frame=added_at.get(mask.object_id, -1))
        for mask in newest.objects.values()
    )
