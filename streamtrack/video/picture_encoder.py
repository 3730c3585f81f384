"""From a result to what viewers are sent: drawn once a view, encoded once for each codec in use."""

from __future__ import annotations

import logging
import threading

import cv2

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.config import VideoConfig
from streamtrack.errors import PublishError
from streamtrack.frame import FrameResult, Image
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.encoder import VideoCodec
from streamtrack.video.polygons import PolygonLog
from streamtrack.video.shared_encode import SharedEncode
from streamtrack.video.timeline import Timeline
from streamtrack.video.viewers import Audience, Watched
from streamtrack.video.views import OVERLAY, View, ViewSetting, make_view

WARNING_SPACING_NS = NS_PER_S

logger = logging.getLogger(__name__)


class PictureEncoder:
    """The views and encodes of one stream. `show` and `close` belong to one thread, the rest to any."""

    def __init__(
        self,
        stream: str,
        config: VideoConfig,
        telemetry: StreamTelemetry,
        clock: Clock,
        setting: ViewSetting,
    ) -> None:
        self._stream = stream
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._setting = setting
        self._timeline = Timeline()
        self.polygons = PolygonLog(config.max_fps)
        """The masks of each picture by its pts, for viewers that draw them by themselves."""
        self._views: dict[str, View] = {}
        self._lock = threading.Lock()
        self._encodes: dict[Watched, SharedEncode] = {}
        self._jpegs: dict[str, tuple[FrameResult, bytes]] = {}
        self._last_warning_ns: int | None = None
        self.last_shown: FrameResult | None = None
        """The newest result that somebody was sent."""

    def request_keyframe(self, codec: VideoCodec, view: str = OVERLAY) -> None:
        """Some viewer cannot decode; met once for all who ask together."""
        with self._lock:
            encode = self._encodes.get(Watched(view, codec))
        if encode is not None:  # one that is still to be made begins with a keyframe
            encode.gate.request()

    def keyframe_requested(self, watched: set[Watched]) -> bool:
        """Whether a viewer of one of these has no picture to go on with."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            encodes = [self._encodes.get(one) for one in watched]
        return any(encode is None or encode.gate.requested(now_ns) for encode in encodes)

    def bitrates_bps(self) -> dict[Watched, int]:
        """What each encode that runs may spend at this moment."""
        with self._lock:
            return {watched: encode.bitrate_bps for watched, encode in self._encodes.items()}

    def frame_idx_at(self, pts: int) -> int | None:
        """The tracked frame that was sent with a pts (modulo 2**32), None where it is too long ago."""
        return self._timeline.frame_idx_at(pts)

    def jpeg_of(self, result: FrameResult | None, view: str = OVERLAY) -> bytes | None:
        """A result's JPEG, where it was made for somebody."""
        kept = self._jpegs.get(view)
        return kept[1] if kept is not None and kept[0] is result else None

    def forget_jpeg(self) -> None:
        """What is drawn over the newest result is something else now."""
        self._jpegs.clear()

    def show(self, result: FrameResult, audience: Audience, *, standing: bool = False) -> None:
        """Draw, and encode for everyone. One picture that fails is counted and told, and ends nothing.

        Args:
            standing: it was shown before and does not move; made sharper than a moving one could be.
        """
        self._end_unwatched(audience)
        if not audience.views:
            return
        pts = self._stamp(result) if audience.watched else 0
        if audience.watched:
            self.polygons.note(pts, result)  # before the picture: who has that looks for these
        shown = [self._show_view(view, result, pts, audience, standing) for view in sorted(audience.views)]
        if any(shown):
            self.last_shown = result

    def close(self) -> None:
        """Give the encoders' memory back."""
        with self._lock:
            encodes = list(self._encodes.values())
        for encode in encodes:
            encode.close()

    def _end_unwatched(self, audience: Audience) -> None:
        for watched in self._encodes.keys() - audience.watched:
            with self._lock:
                encode = self._encodes.pop(watched)
            encode.close()
        for view in self._views.keys() - audience.views - {OVERLAY}:  # whose tags stay where they were
            del self._views[view]
            self._jpegs.pop(view, None)

    def _show_view(
        self, name: str, result: FrameResult, pts: int, audience: Audience, standing: bool
    ) -> bool:
        """Draw one view and hand it out; False where that failed."""
        try:
            start_ns = self._clock.monotonic_ns()
            picture = self._view(name).draw(result)
            self._telemetry.observe(
                "annotate" if name == OVERLAY else "draw", self._clock.monotonic_ns() - start_ns
            )
            for watched in sorted(audience.watched):
                if watched.view == name:
                    self._encode(watched, picture, pts, audience, standing)
            mailboxes = [mailbox for view, mailbox in audience.jpegs if view == name]
            if mailboxes:
                data = self._encode_jpeg(name, result, picture)
                for mailbox in mailboxes:
                    mailbox.put(data)
        except Exception:
            self._telemetry.dropped("video_failed")
            self._warn("frame %d was not shown", result.frame_idx, traceback=True)
            return False
        return True

    def _view(self, name: str) -> View:
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = make_view(name, self._setting)
        return view

    def _stamp(self, result: FrameResult) -> int:
        now_ns = self._clock.monotonic_ns()
        if self.last_shown is not None and result.frame is self.last_shown.frame:
            return self._timeline.repeat(result.frame_idx, now_ns)
        return self._timeline.stamp(result.frame.capture_monotonic_ns, result.frame_idx, now_ns)

    def _encode(self, watched: Watched, picture: Image, pts: int, audience: Audience, standing: bool) -> None:
        codec = watched.codec
        encode = self._encodes.get(watched)
        if encode is None:
            encode = SharedEncode(codec, self._config)
            with self._lock:
                self._encodes[watched] = encode
        start_ns = self._clock.monotonic_ns()
        try:
            _, dropped = encode.encode(picture, pts, audience.of(watched), start_ns, standing=standing)
        except PublishError as error:
            self._telemetry.dropped("video_failed")
            self._warn("%s", error)
            return
        self._telemetry.observe(f"encode_{codec.lower()}", self._clock.monotonic_ns() - start_ns)
        if dropped:
            self._telemetry.dropped("slow_viewer", dropped)

    def _encode_jpeg(self, view: str, result: FrameResult, picture: Image) -> bytes:
        start_ns = self._clock.monotonic_ns()
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self._config.jpeg_quality])
        self._telemetry.observe("encode_jpeg", self._clock.monotonic_ns() - start_ns)
        self._jpegs[view] = (result, data.tobytes())
        return self._jpegs[view][1]

    def _warn(self, message: str, detail: object, *, traceback: bool = False) -> None:
        """Log at most once a second: a fault of one picture tends to be a fault of all."""
        now_ns = self._clock.monotonic_ns()
        if self._last_warning_ns is None or now_ns - self._last_warning_ns >= WARNING_SPACING_NS:
            self._last_warning_ns = now_ns
            logger.warning(f"stream %s: {message}", self._stream, detail, exc_info=traceback)
