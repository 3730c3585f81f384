"""The data channel by which one viewer gets the masks of each picture as polygons.

The viewer opens it beside the video, named LABEL, unordered and without retransmissions: polygons that come
late are of a picture that is gone. What is sent is made once for all viewers; docs/wire-format.md has it.
"""

from __future__ import annotations

import logging
from typing import Any

from streamtrack.video.polygons import with_timestamp
from streamtrack.video.stream import VideoStream

LABEL = "polygons"
MAX_WAITING_BYTES = 4_096
"""Four pictures. A viewer whose network takes fewer misses some, and nothing piles up for it."""

logger = logging.getLogger(__name__)


class PolygonChannel:
    """One viewer's channel, from before it is open until the session ends. Belongs to the event loop."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._channel: Any = None
        self._last: tuple[int, int] | None = None

    def adopt(self, channel: Any) -> None:
        """Take the channel that a viewer opened; one of another name, and a second one, is closed."""
        if channel.label != LABEL or self._channel is not None:
            logger.debug("stream %s: data channel %r closed", self._stream.name, channel.label[:40])
            channel.close()
            return
        self._channel = channel
        self._stream.polygons.join()
        if self._last is not None:  # the picture on the screen may stand for long
            self.tell(*self._last)

    def tell(self, pts: int, rtp_timestamp: int) -> None:
        """A picture was handed to the viewer: send its polygons. Never waits."""
        self._last = (pts, rtp_timestamp)
        if self._channel is None or self._channel.readyState != "open":
            return
        message = self._stream.polygons.at(pts)
        if message is None:
            return
        if self._channel.bufferedAmount + len(message) > MAX_WAITING_BYTES:
            self._stream.polygons_dropped()
            return
        self._channel.send(with_timestamp(message, rtp_timestamp))

    def close(self) -> None:
        """The session is over; may be called again."""
        if self._channel is not None:
            self._channel = None
            self._stream.polygons.leave()
