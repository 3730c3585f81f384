"""One viewer's packets: a bounded queue that loses whole runs of pictures, never one out of the middle."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from streamtrack.video.encoder import EncodedPicture, VideoCodec

if TYPE_CHECKING:
    import av


class ViewerGone(Exception):
    """The queue was closed: the viewer left or the stream stopped."""


class _State(Enum):
    CONNECTING = "nobody has asked for a packet yet"
    AWAITING_KEYFRAME = "the decoder has nothing to build on"
    STREAMING = "every packet since a keyframe was taken or waits here"
    CLOSED = "closed"


class PacketQueue:
    """From the encoder's thread to one viewer on the event loop.

    Each picture is coded as the difference to the one before, so a missing packet spoils all that follow
    until the next keyframe. A full queue is therefore emptied, and filled again from a keyframe on.
    """

    def __init__(
        self,
        codec: VideoCodec,
        capacity: int,
        loop: asyncio.AbstractEventLoop,
        on_starved: Callable[[], None],
    ) -> None:
        """`on_starved` is called from any thread whenever the viewer begins to wait for a keyframe."""
        self.codec = codec
        self._capacity = capacity
        self._loop = loop
        self._on_starved = on_starved
        self._lock = threading.Lock()
        self._packets: deque[av.Packet] = deque()
        self._state = _State.CONNECTING
        self._filled = asyncio.Event()

    @property
    def watching(self) -> bool:
        """Whether someone takes the packets; until the first `get` nothing is encoded for this viewer."""
        return self._state in (_State.AWAITING_KEYFRAME, _State.STREAMING)

    def offer(self, picture: EncodedPicture) -> int:
        """Leave a packet, from any thread; never waits. Returns how many packets an overflow cost."""
        with self._lock:
            if self._state is _State.AWAITING_KEYFRAME and picture.is_keyframe:
                self._state = _State.STREAMING
            if self._state is not _State.STREAMING:
                return 0
            dropped = 0
            if len(self._packets) >= self._capacity:
                dropped = len(self._packets)
                self._packets.clear()
                if not picture.is_keyframe:
                    dropped += 1
                    self._state = _State.AWAITING_KEYFRAME
            if self._state is _State.STREAMING:
                self._packets.append(picture.packet)
                self._wake()
            starved = self._state is _State.AWAITING_KEYFRAME
        if starved:
            self._on_starved()
        return dropped

    async def get(self) -> av.Packet:
        """Take the oldest packet; the first call asks for a keyframe. For one task of the event loop.

        Raises:
            ViewerGone: the queue is closed.
        """
        while True:
            with self._lock:
                if self._state is _State.CLOSED:
                    raise ViewerGone
                if self._packets:
                    return self._packets.popleft()
                joined = self._state is _State.CONNECTING
                if joined:
                    self._state = _State.AWAITING_KEYFRAME
                self._filled.clear()
            if joined:
                self._on_starved()
            await self._filled.wait()

    def close(self) -> None:
        """Drop what waits and let `get` raise; from any thread, any number of times."""
        with self._lock:
            self._state = _State.CLOSED
            self._packets.clear()
            self._wake()

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)
