"""Objects that were started again after a failure: called tracked only once they have been for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from streamtrack.frame import Event, EventKind, FrameResult, ObjectState

CONFIRMED_FRAMES = 3
"""Frames in a row on which an object that was started again must be tracked, before it is called so."""


class Unconfirmed:
    """Objects that are not confirmed yet, and on how many frames in a row each was tracked."""

    def __init__(self) -> None:
        self._frames: dict[int, int] = {}

    def begin(self, object_ids: Iterable[int]) -> None:
        """These were started again; nobody else is unconfirmed."""
        self._frames = dict.fromkeys(object_ids, 0)

    def forget(self, object_id: int) -> None:
        """Somebody looked at it, or it is gone."""
        self._frames.pop(object_id, None)

    def confirm(self, result: FrameResult) -> FrameResult:
        """Count the frames on which objects that were started again are tracked, and tell who is back."""
        back = []
        for object_id in tuple(self._frames):
            found = result.objects.get(object_id)
            tracked = found is not None and found.state is ObjectState.TRACKING
            self._frames[object_id] = self._frames[object_id] + 1 if tracked else 0
            if found is None or self._frames[object_id] >= CONFIRMED_FRAMES:
                del self._frames[object_id]
                back += [Event(EventKind.TRACKING, result.frame_idx, object_id)] if found else []
        return self.shown(replace(result, events=(*result.events, *back)) if back else result)

    def shown(self, result: FrameResult) -> FrameResult:
        """The result, with those who are tracked and not confirmed called uncertain."""
        if not self._frames:
            return result
        objects = {
            object_id: replace(found, state=ObjectState.UNCERTAIN)
            if object_id in self._frames and found.state is ObjectState.TRACKING
            else found
            for object_id, found in result.objects.items()
        }
        return replace(result, objects=objects)
