"""The pictures of one stream: each view drawn once, encoded once per codec in use, handed to every viewer.

A thread of its own draws and encodes the newest result. Nobody watching means nothing drawn. Viewers join
and leave on the event loop.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from streamtrack.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK, Clock
from streamtrack.config import VideoConfig
from streamtrack.errors import UnknownObjectError
from streamtrack.frame import FrameResult
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.rules.state import DrawnRule
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.link import Link
from streamtrack.video.packet_queue import PacketBuffer, PacketQueue, ThreadPacketQueue
from streamtrack.video.picture_encoder import PictureEncoder
from streamtrack.video.polygons import PolygonLog
from streamtrack.video.viewers import EncodeState, StopCallback, Viewers
from streamtrack.video.views import OVERLAY, ViewSetting, make_view, object_of

VIEWER_BACKLOG_S = 0.5
"""Packets kept for a viewer that does not take them; later than this a live picture is better skipped."""
TAP_BACKLOG_S = 2.0
"""The same for our own takers: pushed onward, recorded."""
QUIET_WAIT_S = 0.1
"""Without a new frame for this long, a viewer that waits gets the newest picture again."""
SHARPEN_AFTER_NS, SHARPEN_TIMES = 600 * NS_PER_MS, 2
"""A picture that stands (paused, ended, a very slow stream) is sent again: what its first bits could not
carry, these do."""
STOP_TIMEOUT_S = 2.0


class VideoStream:
    """The picture of one stream and its viewers.

    `push` and `set_online` may be called from any thread; all else belongs to the event loop given to
    `start`.
    """

    def __init__(
        self,
        name: str,
        config: VideoConfig,
        telemetry: StreamTelemetry,
        clock: Clock = SYSTEM_CLOCK,
        rules: Callable[[], Sequence[DrawnRule]] = tuple,
    ) -> None:
        """`rules`: the zones and lines to draw, with their counts of this moment."""
        self.name = name
        self.config = config
        self._telemetry = telemetry
        self._clock = clock
        self._viewers = Viewers(name, config.max_viewers, config.max_encodes, telemetry)
        self._setting = ViewSetting(config.annotate, rules)
        self._encoder = PictureEncoder(name, config, telemetry, clock, self._setting)
        self._mailbox: Mailbox[FrameResult] = Mailbox(1)
        self._newest: FrameResult | None = None
        self._told_online: bool | None = None
        self._due_ns = 0
        self._shown_ns = 0
        self._sharpened = 0
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
        await self._viewers.close()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, STOP_TIMEOUT_S)

    def push(self, result: FrameResult) -> None:
        """Show a result; never waits, the newest wins."""
        self._newest = result
        if self._viewers.watch() and self._mailbox.put(result) is not None:
            self._telemetry.dropped("video_superseded")

    def redraw(self) -> None:
        """The rules changed: show them, also where the stream stands. Any thread."""
        self._encoder.forget_jpeg()
        newest = self._newest
        if newest is not None and self._viewers.watch():
            self._mailbox.put(newest)

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
        return self._viewers.count

    @property
    def has_room(self) -> bool:
        """Whether one more viewer may join."""
        return self._viewers.has_room

    @property
    def polygons(self) -> PolygonLog:
        """The masks of each picture, for viewers that draw them by themselves."""
        return self._encoder.polygons

    def polygons_dropped(self) -> None:
        """A viewer was too slow for a picture's polygons."""
        self._telemetry.dropped("slow_viewer_polygons")

    def encodes(self) -> tuple[EncodeState, ...]:
        """Each encode that runs, and who shares it."""
        return self._viewers.encodes(self._encoder.bitrates_bps())

    def check_view(self, view: str) -> None:
        """Refuse what nobody can watch.

        Raises:
            UnknownViewError: there is no such view.
            UnknownObjectError: it is of an object that is not followed.
        """
        make_view(view, self._setting)
        object_id, newest = object_of(view), self._newest
        if object_id is not None and newest is not None and object_id not in newest.objects:
            raise UnknownObjectError(self.name, object_id, tuple(newest.objects))

    # WebRTC

    def open_viewer(self, codec: VideoCodec, on_stop: StopCallback, view: str = OVERLAY) -> PacketQueue:
        """A new viewer's packets; `on_stop` is awaited where the stream stops before `close_viewer`.

        Raises:
            UnknownViewError: there is no such view.
            CapacityError: `max_viewers` watch already, or `max_encodes` run and this would be another.
        """
        assert self._loop is not None, "open_viewer before start"
        self.check_view(view)
        config = self.config
        link = Link(config.bitrate_kbps * 1000, min(config.min_bitrate_kbps, config.bitrate_kbps) * 1000)
        queue = PacketQueue(
            codec,
            self._capacity(VIEWER_BACKLOG_S),
            self._loop,
            lambda: self.request_keyframe(codec, view),
            view=view,
            link=link,
            clock=self._clock,
        )
        self._viewers.join(queue, on_stop)
        return queue

    def open_tap(self, codec: VideoCodec, view: str = OVERLAY) -> ThreadPacketQueue:
        """The packets of the shared encode for a thread of our own; `close_viewer` ends it. It takes no
        viewer's place, and the stream's stop closes it.

        Raises:
            UnknownViewError: there is no such view.
        """
        self.check_view(view)
        tap = ThreadPacketQueue(
            codec,
            self._capacity(TAP_BACKLOG_S),
            lambda: self.request_keyframe(codec, view),
            view=view,
            clock=self._clock,
        )
        self._viewers.tap(tap)
        return tap

    def close_viewer(self, queue: PacketBuffer) -> None:
        """Forget a viewer or a tap; may be called again."""
        queue.close()
        self._viewers.leave(queue)

    def request_keyframe(self, codec: VideoCodec, view: str = OVERLAY) -> None:
        """Some viewer cannot decode; met once for all who ask together. Any thread."""
        self._encoder.request_keyframe(codec, view)
        self._nudge()

    def frame_idx_at(self, pts: int) -> int | None:
        """The tracked frame that was sent with a pts (modulo 2**32), None where it is too long ago."""
        return self._encoder.frame_idx_at(pts)

    # JPEG

    @contextmanager
    def mjpeg_viewer(self, view: str = OVERLAY) -> Iterator[Mailbox[bytes]]:
        """JPEG pictures as they come, the newest only, while the context lasts.

        Raises:
            UnknownViewError: there is no such view.
            CapacityError: `max_viewers` watch already.
        """
        self.check_view(view)
        with self._viewers.mjpeg(), self._viewers.jpeg_mailbox(view) as mailbox:
            self._nudge()
            yield mailbox

    async def snapshot(self, timeout_s: float, view: str = OVERLAY) -> bytes:
        """The newest picture as JPEG, drawn now if nobody has it yet.

        Raises:
            UnknownViewError: there is no such view.
            TimeoutError: there is no picture.
            MailboxClosed: the stream stopped.
        """
        self.check_view(view)
        kept = self._encoder.jpeg_of(self._newest, view)
        if kept is not None:
            return kept
        with self._viewers.jpeg_mailbox(view) as mailbox:
            self._nudge()
            return await asyncio.wait_for(mailbox.get_async(), timeout_s)

    # the thread

    def _run(self) -> None:
        while True:
            try:
                result = self._next()
            except MailboxClosed:
                break
            if result is None:
                continue
            period_ns = int(NS_PER_S / self.config.max_fps)
            self._due_ns = max(self._due_ns + period_ns, self._clock.monotonic_ns())
            # A picture that was made sharp once stays so for whoever joins.
            stands = result is self._encoder.last_shown and (self._sharpened > 0 or self._has_stood())
            self._sharpened = self._sharpened + 1 if stands else 0
            self._encoder.show(result, self._viewers.audience(served=True), standing=stands)
            self._shown_ns = self._clock.monotonic_ns()
        self._encoder.close()

    def _next(self) -> FrameResult | None:
        """What to show now, no earlier than the frame rate allows; None where there is nothing new to show.

        Raises:
            MailboxClosed: the stream stopped.
        """
        result = self._mailbox.get(QUIET_WAIT_S if self._viewers.watch() else 5 * QUIET_WAIT_S)
        if result is None and (self._someone_waits() or self._may_sharpen()):
            result = self._newest
        if result is None:
            return None
        # The wait comes before the last look at the mailbox: what is drawn is the newest there is.
        now_ns = self._clock.monotonic_ns()
        if self._due_ns > now_ns:
            self._stopping.wait((self._due_ns - now_ns) / NS_PER_S)
            result = self._mailbox.get(0) or result
        return result

    def _someone_waits(self) -> bool:
        """Whether a viewer has no picture to go on with, while the stream brings no new one."""
        return self._viewers.jpeg_joined or self._encoder.keyframe_requested(self._viewers.audience().watched)

    def _may_sharpen(self) -> bool:
        """Whether the picture has stood for a while, and WebRTC viewers would see it better for sending it
        again."""
        if self._sharpened >= SHARPEN_TIMES or self._newest is not self._encoder.last_shown:
            return False
        return self._has_stood() and bool(self._viewers.audience().queues)

    def _has_stood(self) -> bool:
        return self._clock.monotonic_ns() - self._shown_ns >= SHARPEN_AFTER_NS

    def _capacity(self, seconds: float) -> int:
        return max(4, math.ceil(seconds * self.config.max_fps))

    def _nudge(self) -> None:
        """Wake a thread that sleeps because nobody watched; it looks itself what is the newest."""
        if self._encoder.last_shown is not self._newest:
            self._mailbox.wake()
