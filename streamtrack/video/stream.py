"""One annotated stream: drawn once, encoded once per codec in use, handed to every viewer.

A thread of its own draws and encodes the newest result. Nobody watching means nothing drawn. Viewers join
and leave on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import cv2

from streamtrack.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import VideoConfig
from streamtrack.errors import CapacityError, PublishError
from streamtrack.frame import FrameResult, Image
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.draw import annotate
from streamtrack.video.encoder import Encoder, VideoCodec
from streamtrack.video.keyframes import KeyframeGate
from streamtrack.video.packet_queue import PacketQueue
from streamtrack.video.timeline import Timeline

logger = logging.getLogger(__name__)

VIEWER_BACKLOG_S = 0.5
"""Packets kept for a viewer that does not take them; later than this a live picture is better skipped."""
QUIET_WAIT_S = 0.1
"""Without a new frame for this long, a viewer that waits gets the newest picture again."""
STOP_TIMEOUT_S = 2.0
WARNING_SPACING_NS = NS_PER_S

StopCallback = Callable[[], Awaitable[object]]


class VideoStream:
    """The picture of one stream and its viewers.

    `push` and `set_online` may be called from any thread; all else belongs to the event loop given to
    `start`.
    """

    def __init__(
        self, name: str, config: VideoConfig, telemetry: StreamTelemetry, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.name = name
        self.config = config
        self._telemetry = telemetry
        self._clock = clock
        self._lock = threading.Lock()
        self._mailbox: Mailbox[FrameResult] = Mailbox(1)
        self._newest: FrameResult | None = None
        self._told_online: bool | None = None
        self._viewers: dict[PacketQueue, StopCallback] = {}
        self._jpeg_viewers: list[Mailbox[bytes]] = []
        self._jpeg_joined = False
        self._num_mjpeg = 0
        self._jpeg: tuple[FrameResult, bytes] | None = None
        self._timeline = Timeline()
        self._gates = {codec: KeyframeGate(config.keyframe_interval_s) for codec in VideoCodec}
        self._encoders: dict[VideoCodec, Encoder] = {}
        self._last_shown: FrameResult | None = None
        self._last_warning_ns: int | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread; viewers will live on `loop`."""
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name=f"video-{self.name}", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Send every viewer away and end the thread; may be called again."""
        self._stopping.set()
        self._mailbox.close()
        with self._lock:
            leaving = dict(self._viewers)
            jpeg_viewers = list(self._jpeg_viewers)
        for queue in leaving:
            queue.close()
        for mailbox in jpeg_viewers:
            mailbox.close()
        await asyncio.gather(*(on_stop() for on_stop in leaving.values()))
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, STOP_TIMEOUT_S)

    def push(self, result: FrameResult) -> None:
        """Show a result; never waits, the newest wins."""
        self._newest = result
        if self._watched() and self._mailbox.put(result) is not None:
            self._telemetry.dropped("video_superseded")

    def set_online(self, online: bool) -> None:
        """Whether the source delivers; new viewers are asked to come back later while it does not."""
        self._told_online = online

    @property
    def online(self) -> bool:
        """Whether there is something to watch."""
        return self._newest is not None if self._told_online is None else self._told_online

    @property
    def num_viewers(self) -> int:
        """WebRTC and MJPEG viewers, those that still connect included."""
        with self._lock:
            return len(self._viewers) + self._num_mjpeg

    @property
    def has_room(self) -> bool:
        """Whether one more viewer may join."""
        return self.num_viewers < self.config.max_viewers

    # WebRTC

    def open_viewer(self, codec: VideoCodec, on_stop: StopCallback) -> PacketQueue:
        """A new viewer's packets; `on_stop` is awaited where the stream stops before `close_viewer`.

        Raises:
            CapacityError: `max_viewers` watch already.
        """
        assert self._loop is not None, "open_viewer before start"
        capacity = max(4, math.ceil(VIEWER_BACKLOG_S * self.config.max_fps))
        queue = PacketQueue(codec, capacity, self._loop, lambda: self.request_keyframe(codec))
        with self._lock:
            self._check_room()
            self._viewers[queue] = on_stop
        self._tell_viewers()
        return queue

    def close_viewer(self, queue: PacketQueue) -> None:
        """Forget a viewer; may be called again."""
        queue.close()
        with self._lock:
            self._viewers.pop(queue, None)
        self._tell_viewers()

    def request_keyframe(self, codec: VideoCodec) -> None:
        """Some viewer of the codec cannot decode; met once for all who ask together. Any thread."""
        self._gates[codec].request()
        self._nudge()

    def frame_idx_at(self, pts: int) -> int | None:
        """The tracked frame that was sent with a pts (modulo 2**32), None where it is too long ago."""
        return self._timeline.frame_idx_at(pts)

    # JPEG

    @contextmanager
    def mjpeg_viewer(self) -> Iterator[Mailbox[bytes]]:
        """JPEG pictures as they come, the newest only, while the context lasts.

        Raises:
            CapacityError: `max_viewers` watch already.
        """
        with self._lock:
            self._check_room()
            self._num_mjpeg += 1
        self._tell_viewers()
        try:
            with self._jpeg_viewer() as mailbox:
                yield mailbox
        finally:
            with self._lock:
                self._num_mjpeg -= 1
            self._tell_viewers()

    async def snapshot(self, timeout_s: float) -> bytes:
        """The newest picture as JPEG, drawn now if nobody has it yet.

        Raises:
            TimeoutError: there is no picture.
            MailboxClosed: the stream stopped.
        """
        kept = self._jpeg
        if kept is not None and kept[0] is self._newest:
            return kept[1]
        with self._jpeg_viewer() as mailbox:
            return await asyncio.wait_for(mailbox.get_async(), timeout_s)

    @contextmanager
    def _jpeg_viewer(self) -> Iterator[Mailbox[bytes]]:
        mailbox: Mailbox[bytes] = Mailbox(1)
        with self._lock:
            self._jpeg_viewers.append(mailbox)
            self._jpeg_joined = True
        if self._stopping.is_set():
            mailbox.close()
        self._nudge()
        try:
            yield mailbox
        finally:
            with self._lock:
                self._jpeg_viewers.remove(mailbox)

    # the thread

    def _run(self) -> None:
        due_ns = 0
        while True:
            try:
                result = self._mailbox.get(QUIET_WAIT_S if self._watched() else 5 * QUIET_WAIT_S)
                if result is None:
                    result = self._newest if self._someone_waits() else None
                if result is None:
                    continue
                # The wait comes before the last look at the mailbox: what is drawn is the newest there is.
                now_ns = self._clock.monotonic_ns()
                if due_ns > now_ns:
                    self._stopping.wait((due_ns - now_ns) / NS_PER_S)
                    result = self._mailbox.get(0) or result
            except MailboxClosed:
                break
            due_ns = max(due_ns + int(NS_PER_S / self.config.max_fps), self._clock.monotonic_ns())
            try:
                self._show(result)
            except Exception:
                # One picture that cannot be drawn must not end the stream for everyone.
                self._telemetry.dropped("video_failed")
                self._warn("frame %d was not shown", result.frame_idx, traceback=True)
        for encoder in self._encoders.values():
            encoder.close()

    def _show(self, result: FrameResult) -> None:
        """Draw once, encode once per codec that someone watches."""
        with self._lock:
            viewers = [queue for queue in self._viewers if queue.watching]
            jpeg_viewers = list(self._jpeg_viewers)
            self._jpeg_joined = False
        codecs = {queue.codec for queue in viewers}
        for codec in self._encoders.keys() - codecs:
            self._encoders.pop(codec).close()
        if not viewers and not jpeg_viewers:
            return
        start_ns = self._clock.monotonic_ns()
        picture = annotate(result, self.config.annotate)
        drawn_ns = self._clock.monotonic_ns()
        self._telemetry.observe("annotate", drawn_ns - start_ns)
        if codecs:
            pts = self._stamp(result, drawn_ns)
            for codec in codecs:
                self._encode(codec, picture, pts, [queue for queue in viewers if queue.codec is codec])
        if jpeg_viewers:
            data = self._encode_jpeg(result, picture)
            for mailbox in jpeg_viewers:
                mailbox.put(data)
        self._last_shown = result

    def _stamp(self, result: FrameResult, now_ns: int) -> int:
        if result is self._last_shown:
            return self._timeline.repeat(result.frame_idx, now_ns)
        return self._timeline.stamp(result.frame.capture_monotonic_ns, result.frame_idx, now_ns)

    def _encode(self, codec: VideoCodec, picture: Image, pts: int, viewers: list[PacketQueue]) -> None:
        encoder = self._encoders.get(codec)
        if encoder is None:
            encoder = Encoder(codec, bitrate_kbps=self.config.bitrate_kbps, max_fps=self.config.max_fps)
            self._encoders[codec] = encoder
        gate = self._gates[codec]
        start_ns = self._clock.monotonic_ns()
        try:
            encoded = encoder.encode(picture, pts, keyframe=gate.due(start_ns))
        except PublishError as error:
            self._telemetry.dropped("video_failed")
            self._warn("%s", error)
            return
        if encoded.is_keyframe:
            gate.made(start_ns)
        self._telemetry.observe(f"encode_{codec.lower()}", self._clock.monotonic_ns() - start_ns)
        dropped = sum(queue.offer(encoded) for queue in viewers)
        if dropped:
            self._telemetry.dropped("slow_viewer", dropped)

    def _encode_jpeg(self, result: FrameResult, picture: Image) -> bytes:
        start_ns = self._clock.monotonic_ns()
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.config.jpeg_quality])
        self._telemetry.observe("encode_jpeg", self._clock.monotonic_ns() - start_ns)
        self._jpeg = (result, data.tobytes())
        return self._jpeg[1]

    # helpers

    def _watched(self) -> bool:
        with self._lock:
            return bool(self._jpeg_viewers) or any(queue.watching for queue in self._viewers)

    def _someone_waits(self) -> bool:
        """Whether a viewer has no picture to go on with, while the stream brings no new one."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            codecs = {queue.codec for queue in self._viewers if queue.watching}
            joined = self._jpeg_joined
        return joined or any(self._gates[codec].requested(now_ns) for codec in codecs)

    def _nudge(self) -> None:
        """Wake a thread that sleeps because nobody watched; it looks itself what is the newest."""
        if self._last_shown is not self._newest:
            self._mailbox.wake()

    def _check_room(self) -> None:
        """Called with the lock held."""
        count = len(self._viewers) + self._num_mjpeg
        if count >= self.config.max_viewers:
            raise CapacityError(
                f"stream {self.name}: {count} viewers watch, and there is no place for another "
                "(video.max_viewers); ask again later"
            )

    def _tell_viewers(self) -> None:
        with self._lock:
            webrtc, mjpeg = len(self._viewers), self._num_mjpeg
        self._telemetry.set_viewers("webrtc", webrtc)
        self._telemetry.set_viewers("mjpeg", mjpeg)

    def _warn(self, message: str, detail: object, *, traceback: bool = False) -> None:
        """Log at most once a second: a fault of one picture tends to be a fault of all."""
        now_ns = self._clock.monotonic_ns()
        if self._last_warning_ns is None or now_ns - self._last_warning_ns >= WARNING_SPACING_NS:
            self._last_warning_ns = now_ns
            logger.warning(f"stream %s: {message}", self.name, detail, exc_info=traceback)
