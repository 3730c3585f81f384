"""What the commands do by which objects leave a stream as files and come into one."""

from __future__ import annotations

from streamtrack.control.memory_commands import AddMemoryCommand, ProposeCommand
from streamtrack.frame import FrameResult
from streamtrack.object_record import CandidateInfo, RunLengths
from streamtrack.pipeline.stream_session import StreamSession
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.tracking import Session


def add(session: StreamSession, command: AddMemoryCommand, object_id: int, at_frame: int) -> FrameResult:
    """Follow an object of which a memory is there from a kept frame on; returns that frame."""
    session.change(
        at_frame,
        lambda inner, frame_idx: inner.add(
            object_id,
            memory=command.memory,
            label=command.label,
            at_frame=frame_idx,
            anywhere=command.anywhere,
        ),
    )
    session.ids.gave(object_id)
    return session.result(at_frame)


def propose(
    session: StreamSession, command: ProposeCommand, object_id: int
) -> tuple[int, float, tuple[CandidateInfo, ...]]:
    """Look for an object in the newest frame, and start it where it is asked for; returns the frame, the
    score, and what was found."""

    def look(inner: Session, _: int | None) -> tuple[int, float, tuple[CandidateInfo, ...]]:
        proposal = inner.memories.propose(command.memory)
        found = proposal.found
        if found is None:
            return proposal.frame_idx, proposal.score, ()
        sure = command.start == "always" or (command.start == "sure" and proposal.score >= command.min_score)
        if sure:
            x0, y0, x1, y1 = found.box
            inner.memories.add(
                object_id,
                command.memory,
                label=command.label,
                at_frame=proposal.frame_idx,
                place=(float(x0), float(y0), float(x1), float(y1)),
            )
        counts = encode_rle(found.crop, found.box, found.frame_size).decode("ascii")
        shown = CandidateInfo(
            0, sure, found.iou_score, found.area_px, found.box, RunLengths(found.frame_size, counts)
        )
        return proposal.frame_idx, proposal.score, (shown,)

    frame_idx, score, shown = session.change(None, look)
    if shown and shown[0].chosen:
        session.ids.gave(object_id)
    return session.number_of(frame_idx), score, shown


def export(session: StreamSession, object_id: int) -> bytes:
    """All that is remembered of an object; as `Session.export_object`."""
    return session.change(None, lambda inner, _: inner.export_object(object_id))
