"""What happened since it was last asked for, in a session's own frame numbers."""

from __future__ import annotations

from typing import Any

from streamtrack.frame import Event, EventKind
from streamtrack.tracking.frame_log import FrameLog


class EventLog:
    """Collects events until somebody takes them."""

    def __init__(self, frames: FrameLog) -> None:
        self._frames = frames
        self._events: list[Event] = []

    def report(self, kind: EventKind, key: int, object_id: int | None, **detail: Any) -> None:
        """Something happened to an object, or to the stream, on a key frame, given by its key."""
        if kind is EventKind.CONDITIONING_EVICTED:
            detail["evicted_frame_idx"] = self._frames.frame_idx_of(detail["evicted_frame_idx"])
        self._events.append(Event(kind, self._frames.frame_idx_of(key), object_id, detail))

    def note(self, kind: EventKind, object_id: int | None = None, **detail: Any) -> None:
        """Something happened now, whether or not the network saw the newest frame."""
        self._events.append(Event(kind, self._frames.newest_frame_idx, object_id, detail))

    def take(self) -> tuple[Event, ...]:
        """The events, oldest first, once."""
        events = tuple(self._events)
        self._events.clear()
        return events
