"""What the commands do that change what was said before: undo, clear, choose, start over, merge, mend."""

from __future__ import annotations

from streamtrack.control.commands import (
    CandidatesCommand,
    ChooseCommand,
    ClearCommand,
    LikenessCommand,
    MendCommand,
    MergeCommand,
    StartOverCommand,
    UndoCommand,
)
from streamtrack.errors import PromptError
from streamtrack.frame import Candidate, FrameResult, Undone
from streamtrack.object_record import CandidateInfo, RunLengths
from streamtrack.pipeline.stream_session import StreamSession
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.tracking import Session

SecondThoughtCommand = (
    StartOverCommand | UndoCommand | ClearCommand | CandidatesCommand | ChooseCommand | MergeCommand
)


def undo(session: StreamSession, command: UndoCommand) -> Undone:
    """Take the last prompt back."""
    return session.undo(command.object_id)


def candidates(session: StreamSession, command: CandidatesCommand) -> tuple[int, tuple[CandidateInfo, ...]]:
    """The frame of an object's newest click, and the masks that it may mean."""
    found = session.change(None, lambda inner, _: inner.candidates(command.object_id))
    return session.number_of(found[0].frame_idx), tuple(map(_told, found))


def start_over(session: StreamSession, command: StartOverCommand, newest: FrameResult) -> int:
    """Give an object another beginning; returns the frame."""
    at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
    size = newest.frame.height_px, newest.frame.width_px
    prompt = command.prompt(command.object_id, size, at_frame)
    session.change(at_frame, lambda inner, frame_idx: inner.start_over(prompt, frame_idx))
    return at_frame


def mend(session: StreamSession, command: MendCommand, newest: FrameResult) -> int:
    """Follow an object by what was found on a frame; returns the frame."""
    at_frame = newest.frame_idx if command.at_frame is None else command.at_frame
    prompt = command.prompt(command.object_id, (newest.frame.height_px, newest.frame.width_px), at_frame)

    def change(inner: Session, frame_idx: int | None) -> None:
        assert frame_idx is not None
        if command.cut:
            if prompt.box is None:
                raise PromptError("mend with cut has no box, expected one")
            inner.mending.cut(prompt.object_id, prompt.box, frame_idx)
            return
        doubt = command.in_doubt_from
        doubt = None if doubt is None else max(0, doubt - at_frame + frame_idx)
        inner.mending.mend(prompt, frame_idx, in_doubt_from=doubt, detail=command.detail)

    session.change(at_frame, change)
    return at_frame


def likeness(
    session: StreamSession, command: LikenessCommand, newest: FrameResult
) -> tuple[int, tuple[float | None, ...]]:
    """The frame, and how much what boxes show there looks like an object."""
    at_frame = newest.frame_idx if command.at_frame is None else command.at_frame

    def ask(inner: Session, frame_idx: int | None) -> tuple[float | None, ...]:
        if command.keep:
            inner.mending.keep_look(command.object_id, frame_idx)
        return inner.mending.likeness(command.object_id, command.boxes, frame_idx)

    return at_frame, session.change(at_frame, ask)


def rewrite(session: StreamSession, command: ClearCommand | ChooseCommand | MergeCommand) -> int:
    """Carry out what needs no prompt; returns the frame from which the object is another."""
    object_id = command.object_id
    match command:
        case ClearCommand():
            changed = session.change(
                command.at_frame, lambda inner, frame_idx: inner.clear(object_id, frame_idx)
            )
        case ChooseCommand():
            changed = session.change(None, lambda inner, _: inner.choose(object_id, command.index))
        case MergeCommand():
            changed = session.change(None, lambda inner, _: inner.merge(object_id, command.other_id))
    return session.number_of(changed.frame_idx)


def _told(candidate: Candidate) -> CandidateInfo:
    found = candidate.found
    counts = encode_rle(found.crop, found.box, found.frame_size).decode("ascii")
    return CandidateInfo(
        index=candidate.index,
        chosen=candidate.chosen,
        iou_score=found.iou_score,
        area_px=found.area_px,
        box=found.box,
        mask=RunLengths(found.frame_size, counts),
    )
