"""Who watches one stream: WebRTC viewers with a queue of packets each, and takers of JPEG pictures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from streamtrack.errors import CapacityError
from streamtrack.mailbox import Mailbox
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.packet_queue import PacketQueue

StopCallback = Callable[[], Awaitable[object]]


class Audience(NamedTuple):
    """Who gets the next picture."""

    queues: tuple[PacketQueue, ...]
    jpeg_mailboxes: tuple[Mailbox[bytes], ...]

    @property
    def codecs(self) -> set[VideoCodec]:
        """What is encoded for them."""
        return {queue.codec for queue in self.queues}


class Viewers:
    """The viewers of one stream, at most `limit`. Any thread may call any method but `close`."""

    def __init__(self, stream: str, limit: int, telemetry: StreamTelemetry) -> None:
        self._stream = stream
        self._limit = limit
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._queues: dict[PacketQueue, StopCallback] = {}
        self._jpeg_mailboxes: list[Mailbox[bytes]] = []
        self._jpeg_joined = False
        self._num_mjpeg = 0
        self._closed = False

    @property
    def count(self) -> int:
        """WebRTC and MJPEG viewers, those that still connect included."""
        with self._lock:
            return len(self._queues) + self._num_mjpeg

    @property
    def has_room(self) -> bool:
        """Whether one more may join."""
        return self.count < self._limit

    def join(self, queue: PacketQueue, on_stop: StopCallback) -> None:
        """A new WebRTC viewer; `on_stop` is awaited where `close` comes before `leave`.

        Raises:
            CapacityError: as many watch already as may.
        """
        with self._lock:
            self._check_room()
            self._queues[queue] = on_stop
        self._count()

    def leave(self, queue: PacketQueue) -> None:
        """Forget a viewer; may be called again."""
        with self._lock:
            self._queues.pop(queue, None)
        self._count()

    @contextmanager
    def mjpeg(self) -> Iterator[None]:
        """An MJPEG viewer, counted as one while the context lasts.

        Raises:
            CapacityError: as many watch already as may.
        """
        with self._lock:
            self._check_room()
            self._num_mjpeg += 1
        self._count()
        try:
            yield
        finally:
            with self._lock:
                self._num_mjpeg -= 1
            self._count()

    @contextmanager
    def jpeg_mailbox(self) -> Iterator[Mailbox[bytes]]:
        """JPEG pictures while the context lasts, the newest only; counts as no viewer."""
        mailbox: Mailbox[bytes] = Mailbox(1)
        with self._lock:
            self._jpeg_mailboxes.append(mailbox)
            self._jpeg_joined = True
            if self._closed:
                mailbox.close()
        try:
            yield mailbox
        finally:
            with self._lock:
                self._jpeg_mailboxes.remove(mailbox)

    def watch(self) -> bool:
        """Whether anybody would see a picture."""
        with self._lock:
            return bool(self._jpeg_mailboxes) or any(queue.watching for queue in self._queues)

    def audience(self, *, served: bool = False) -> Audience:
        """Who gets the next picture; `served` notes that they get one now."""
        with self._lock:
            if served:
                self._jpeg_joined = False
            queues = tuple(queue for queue in self._queues if queue.watching)
            return Audience(queues, tuple(self._jpeg_mailboxes))

    @property
    def jpeg_joined(self) -> bool:
        """Whether somebody waits for a first JPEG."""
        with self._lock:
            return self._jpeg_joined

    async def close(self) -> None:
        """Send everyone away."""
        with self._lock:
            self._closed = True
            leaving = dict(self._queues)
            jpeg_mailboxes = list(self._jpeg_mailboxes)
        for queue in leaving:
            queue.close()
        for mailbox in jpeg_mailboxes:
            mailbox.close()
        await asyncio.gather(*(on_stop() for on_stop in leaving.values()))

    def _check_room(self) -> None:
        """Called with the lock held."""
        count = len(self._queues) + self._num_mjpeg
        if count >= self._limit:
            raise CapacityError(
                f"stream {self._stream}: {count} viewers watch, and there is no place for another "
                "(video.max_viewers); ask again later"
            )

    def _count(self) -> None:
        with self._lock:
            webrtc, mjpeg = len(self._queues), self._num_mjpeg
        self._telemetry.set_viewers("webrtc", webrtc)
        self._telemetry.set_viewers("mjpeg", mjpeg)
