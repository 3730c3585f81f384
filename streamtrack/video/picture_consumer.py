"""A consumer that shows a stream's results to its viewers."""

from __future__ import annotations

from collections.abc import Callable

from streamtrack.frame import EventKind, Update
from streamtrack.video.stream import VideoStream

AWAY_EVENTS = frozenset({EventKind.SOURCE_LOST, EventKind.FAILED, EventKind.STALLED})
"""After these no picture comes until the next result."""
AWAY_STATES = frozenset({"connecting", "offline", "failed", "stalled"})
"""States of a stream in which no picture comes."""


class PictureConsumer:
    """Hands the newest result to the annotated picture, and tells it whether more will come."""

    name = "viewers"

    def __init__(self, video: VideoStream, state: Callable[[], str] = lambda: "online") -> None:
        """`state`: the stream's, as `StreamStatus` tells it."""
        self._video = video
        self._state = state

    def take(self, update: Update) -> None:
        """Show a result."""
        # A frame that was on its way while the camera went is no sign that it is back.
        if update.result is not None and not update.revises and self._state() not in AWAY_STATES:
            self._video.set_online(True)
        if any(event.kind in AWAY_EVENTS and "consumer" not in event.detail for event in update.events):
            self._video.set_online(False)
        if update.result is not None:
            self._video.push(update.result)

    def close(self) -> None:
        """The viewers stay until the stream's own `stop`, on the event loop."""
