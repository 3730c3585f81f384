"""Objects that nobody looks at: the camera is away, or the stream stands."""

from __future__ import annotations

from dataclasses import replace

from streamtrack.frame import FrameResult, ObjectState


def with_unseen(result: FrameResult) -> FrameResult:
    """The same frame with every object `unseen`; box and mask are those of the last frame."""
    objects = {
        object_id: replace(found, state=ObjectState.UNSEEN) for object_id, found in result.objects.items()
    }
    return replace(result, objects=objects)


def is_unseen(result: FrameResult) -> bool:
    """Whether nobody is told that an object of it is in any other state."""
    return all(found.state is ObjectState.UNSEEN for found in result.objects.values())
