"""What the commands do by which objects leave a stream as files and come into one."""

from __future__ import annotations

from streamtrack.control.memory_commands import AddMemoryCommand
from streamtrack.frame import FrameResult
from streamtrack.pipeline.stream_session import StreamSession


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


def export(session: StreamSession, object_id: int) -> bytes:
    """All that is remembered of an object; as `Session.export_object`."""
    return session.change(None, lambda inner, _: inner.export_object(object_id))
