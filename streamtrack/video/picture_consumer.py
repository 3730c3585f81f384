"""A consumer that shows a stream's results to its viewers."""

from __future__ import annotations

from streamtrack.frame import EventKind, Update
from streamtrack.video.stream import VideoStream

AWAY_EVENTS = frozenset({EventKind.SOURCE_LOST, EventKind.FAILED, EventKind.STALLED})
"""After these no picture comes until the next result."""


class PictureConsumer:
    """Hands the newest result to the annotated picture, and tells it whether more will come."""

    name = "viewers"

    def __init__(self, video: VideoStream) -> None:
        self._video = video

    def take(self, update: Update) -> None:
        """Show a result."""
        if update.result is not None and not update.revises:
            self._video.set_online(True)
        if any(event.kind in AWAY_EVENTS and "consumer" not in event.detail for event in update.events):
            self._video.set_online(False)
        if update.result is not None:
            self._video.push(update.result)

    def close(self) -> None:
        """The viewers stay until the stream's own `stop`, on the event loop."""
