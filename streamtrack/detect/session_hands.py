"""Hands on a session that is one's own: films, benches, programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from streamtrack.detect.boxes import Box
from streamtrack.detect.detector import Detection
from streamtrack.detect.mending import Mending, told_of
from streamtrack.errors import StreamTrackError
from streamtrack.prompt import Prompt
from streamtrack.tracking import Session


class SessionHands:
    """Starts, mends and ends objects of a session on its newest frame.

    Args:
        ids: that new objects get, one after the other.
    """

    def __init__(self, session: Session, ids: Iterator[int]) -> None:
        self._session = session
        self._ids = ids

    def start(self, find: Detection, label: str) -> int | None:
        object_id, at_frame = next(self._ids), self._session.newest_frame_idx
        try:
            self._session.start(Prompt(object_id, box=find.box, label=label), at_frame)
        except StreamTrackError:  # such as at the session's own bound of objects
            return None
        if self._session.result(at_frame).objects[object_id].area_px == 0:
            self._session.remove(object_id)
            return None
        return object_id

    def remove(self, object_id: int, reason: str) -> bool:
        self._session.remove(object_id)
        return True

    def mend(self, mending: Mending) -> bool:
        prompt = Prompt(mending.object_id, box=mending.find.box)
        try:
            self._session.mending.mend(
                prompt, in_doubt_from=mending.well_at + 1, detail=told_of(mending, "detector")
            )
        except StreamTrackError:  # the frame is unfit, say
            return False
        return True

    def cut(self, object_id: int, box: Box) -> bool:
        try:
            return self._session.mending.cut(object_id, box)
        except StreamTrackError:
            return False

    def likeness(self, object_id: int, boxes: Sequence[Box]) -> Sequence[float | None]:
        try:
            return self._session.mending.likeness(object_id, boxes)
        except StreamTrackError:
            return [None for _ in boxes]

    def keep_look(self, object_id: int) -> None:
        with suppress(StreamTrackError):
            self._session.mending.keep_look(object_id)
