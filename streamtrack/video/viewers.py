"""Who watches one stream: WebRTC viewers with a queue of packets each, our own takers of packets, and takers
of JPEG pictures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from streamtrack.errors import CapacityError
from streamtrack.mailbox import Mailbox
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.packet_queue import PacketBuffer
from streamtrack.video.views import OVERLAY

StopCallback = Callable[[], Awaitable[object]]


class Watched(NamedTuple):
    """What one encode is made of, and shared by who watches the same."""

    view: str
    codec: VideoCodec


@dataclass(frozen=True, slots=True)
class ViewerState:
    """Who shares an encode, at one moment."""

    keyframes_only: bool
    """Whether the network is so much worse than the others' that no more is sent."""
    carries_kbps: int | None
    """What the network carries, as far as the viewer told; null for our own takers (pushes)."""
    loss: float
    """Share of packets lost, as the viewer told last."""


@dataclass(frozen=True, slots=True)
class EncodeState:
    """One encode at one moment."""

    view: str
    codec: VideoCodec
    bitrate_kbps: int
    """What it may spend now."""
    viewers: tuple[ViewerState, ...]


class Audience(NamedTuple):
    """Who gets the next picture."""

    queues: tuple[PacketBuffer, ...]
    jpegs: tuple[tuple[str, Mailbox[bytes]], ...]
    """Takers of JPEG pictures, with the view of each."""

    @property
    def watched(self) -> set[Watched]:
        """What is encoded for them."""
        return {Watched(queue.view, queue.codec) for queue in self.queues}

    @property
    def views(self) -> set[str]:
        """What is drawn for them."""
        return {queue.view for queue in self.queues} | {view for view, _ in self.jpegs}

    def of(self, watched: Watched) -> list[PacketBuffer]:
        """Who shares one encode."""
        return [queue for queue in self.queues if (queue.view, queue.codec) == watched]


class Viewers:
    """The viewers of one stream, at most `limit`. Any thread may call any method but `close`."""

    def __init__(self, stream: str, limit: int, max_encodes: int, telemetry: StreamTelemetry) -> None:
        self._stream = stream
        self._limit = limit
        self._max_encodes = max_encodes
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._queues: dict[PacketBuffer, StopCallback] = {}
        self._taps: set[PacketBuffer] = set()
        self._jpegs: list[tuple[str, Mailbox[bytes]]] = []
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

    def join(self, queue: PacketBuffer, on_stop: StopCallback) -> None:
        """A new WebRTC viewer; `on_stop` is awaited where `close` comes before `leave`.

        Raises:
            CapacityError: as many watch already as may.
        """
        with self._lock:
            self._check_room()
            self._check_encodes(queue)
            self._queues[queue] = on_stop
        self._count()

    def tap(self, queue: PacketBuffer) -> None:
        """Somebody of our own who takes packets: pushed onward, recorded. Counts as no viewer, and takes no
        place; `leave` ends it."""
        with self._lock:
            self._taps.add(queue)
            if self._closed:
                queue.close()

    def leave(self, queue: PacketBuffer) -> None:
        """Forget a viewer; may be called again."""
        with self._lock:
            self._queues.pop(queue, None)
            self._taps.discard(queue)
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
    def jpeg_mailbox(self, view: str = OVERLAY) -> Iterator[Mailbox[bytes]]:
        """JPEG pictures while the context lasts, the newest only; counts as no viewer."""
        mailbox: Mailbox[bytes] = Mailbox(1)
        with self._lock:
            self._jpegs.append((view, mailbox))
            self._jpeg_joined = True
            if self._closed:
                mailbox.close()
        try:
            yield mailbox
        finally:
            with self._lock:
                self._jpegs.remove((view, mailbox))

    def watch(self) -> bool:
        """Whether anybody would see a picture."""
        with self._lock:
            return bool(self._jpegs) or any(queue.watching for queue in (*self._queues, *self._taps))

    def audience(self, *, served: bool = False) -> Audience:
        """Who gets the next picture; `served` notes that they get one now."""
        with self._lock:
            if served:
                self._jpeg_joined = False
            queues = tuple(queue for queue in (*self._queues, *self._taps) if queue.watching)
            return Audience(queues, tuple(self._jpegs))

    def encodes(self, bitrates_bps: Mapping[Watched, int]) -> tuple[EncodeState, ...]:
        """Each encode with who shares it, by what each may spend."""
        audience = self.audience()
        return tuple(
            EncodeState(
                watched.view,
                watched.codec,
                bitrate_bps // 1000,
                tuple(_state_of(queue) for queue in audience.of(watched)),
            )
            for watched, bitrate_bps in sorted(bitrates_bps.items())
        )

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
            taps = list(self._taps)
            jpegs = list(self._jpegs)
        for queue in (*leaving, *taps):
            queue.close()
        for _, mailbox in jpegs:
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

    def _check_encodes(self, queue: PacketBuffer) -> None:
        """Called with the lock held."""
        running = {Watched(one.view, one.codec) for one in (*self._queues, *self._taps)}
        if len(running | {Watched(queue.view, queue.codec)}) > self._max_encodes:
            raise CapacityError(
                f"stream {self._stream}: {len(running)} views are encoded, and there is no place for another "
                "(video.max_encodes); watch one of them, or ask again later"
            )

    def _count(self) -> None:
        with self._lock:
            webrtc, mjpeg = len(self._queues), self._num_mjpeg
        self._telemetry.set_viewers("webrtc", webrtc)
        self._telemetry.set_viewers("mjpeg", mjpeg)


def _state_of(queue: PacketBuffer) -> ViewerState:
    carries_bps = queue.capacity_bps
    carries_kbps = None if carries_bps is None else int(carries_bps / 1000)
    return ViewerState(queue.thin, carries_kbps, round(queue.loss, 3))
