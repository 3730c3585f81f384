"""From a result to what viewers are sent: drawn once, encoded once for each codec in use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import cv2

from streamtrack.clock import NS_PER_S, Clock
from streamtrack.config import VideoConfig
from streamtrack.errors import PublishError
from streamtrack.frame import FrameResult, Image
from streamtrack.rules.state import DrawnRule
from streamtrack.telemetry import StreamTelemetry
from streamtrack.video.draw import annotate
from streamtrack.video.encoder import Encoder, VideoCodec
from streamtrack.video.keyframes import KeyframeGate
from streamtrack.video.packet_queue import PacketQueue
from streamtrack.video.tag_layout import TagLayout
from streamtrack.video.timeline import Timeline
from streamtrack.video.viewers import Audience

WARNING_SPACING_NS = NS_PER_S

logger = logging.getLogger(__name__)


class PictureEncoder:
    """The encoders of one stream. `show` and `close` belong to one thread, the rest to any."""

    def __init__(
        self,
        stream: str,
        config: VideoConfig,
        telemetry: StreamTelemetry,
        clock: Clock,
        rules: Callable[[], Sequence[DrawnRule]] = tuple,
    ) -> None:
        """`rules`: the zones and lines to draw, with their counts of this moment."""
        self._stream = stream
        self._config = config
        self._telemetry = telemetry
        self._clock = clock
        self._rules = rules
        self._timeline = Timeline()
        self._gates = {codec: KeyframeGate(config.keyframe_interval_s) for codec in VideoCodec}
        self._encoders: dict[VideoCodec, Encoder] = {}
        self._layout = TagLayout()
        self._jpeg: tuple[FrameResult, bytes] | None = None
        self._last_warning_ns: int | None = None
        self.last_shown: FrameResult | None = None
        """The newest result that somebody was sent."""

    def request_keyframe(self, codec: VideoCodec) -> None:
        """Some viewer of the codec cannot decode; met once for all who ask together."""
        self._gates[codec].request()

    def keyframe_requested(self, codecs: set[VideoCodec]) -> bool:
        """Whether a viewer of one of the codecs has no picture to go on with."""
        now_ns = self._clock.monotonic_ns()
        return any(self._gates[codec].requested(now_ns) for codec in codecs)

    def frame_idx_at(self, pts: int) -> int | None:
        """The tracked frame that was sent with a pts (modulo 2**32), None where it is too long ago."""
        return self._timeline.frame_idx_at(pts)

    def jpeg_of(self, result: FrameResult | None) -> bytes | None:
        """A result's JPEG, where it was made for somebody."""
        kept = self._jpeg
        return kept[1] if kept is not None and kept[0] is result else None

    def forget_jpeg(self) -> None:
        """What is drawn over the newest result is something else now."""
        self._jpeg = None

    def show(self, result: FrameResult, audience: Audience, *, standing: bool = False) -> None:
        """Draw, and encode for everyone. One picture that fails is counted and told, and ends nothing.

        Args:
            standing: it was shown before and does not move; made sharper than a moving one could be.
        """
        try:
            self._show(result, audience, standing)
        except Exception:
            self._telemetry.dropped("video_failed")
            self._warn("frame %d was not shown", result.frame_idx, traceback=True)

    def close(self) -> None:
        """Give the encoders' memory back."""
        for encoder in self._encoders.values():
            encoder.close()

    def _show(self, result: FrameResult, audience: Audience, standing: bool) -> None:
        codecs = audience.codecs
        for codec in self._encoders.keys() - codecs:
            self._encoders.pop(codec).close()
        if not audience.queues and not audience.jpeg_mailboxes:
            return
        start_ns = self._clock.monotonic_ns()
        picture = annotate(result, self._config.annotate, self._layout, self._rules())
        drawn_ns = self._clock.monotonic_ns()
        self._telemetry.observe("annotate", drawn_ns - start_ns)
        if codecs:
            pts = self._stamp(result, drawn_ns)
            for codec in codecs:
                viewers = [one for one in audience.queues if one.codec is codec]
                self._encode(codec, picture, pts, viewers, standing)
        if audience.jpeg_mailboxes:
            data = self._encode_jpeg(result, picture)
            for mailbox in audience.jpeg_mailboxes:
                mailbox.put(data)
        self.last_shown = result

    def _stamp(self, result: FrameResult, now_ns: int) -> int:
        if self.last_shown is not None and result.frame is self.last_shown.frame:
            return self._timeline.repeat(result.frame_idx, now_ns)
        return self._timeline.stamp(result.frame.capture_monotonic_ns, result.frame_idx, now_ns)

    def _encode(
        self, codec: VideoCodec, picture: Image, pts: int, viewers: list[PacketQueue], standing: bool
    ) -> None:
        encoder = self._encoders.get(codec)
        if encoder is None:
            encoder = Encoder(codec, bitrate_kbps=self._config.bitrate_kbps, max_fps=self._config.max_fps)
            self._encoders[codec] = encoder
        gate = self._gates[codec]
        start_ns = self._clock.monotonic_ns()
        try:
            encoder.stand(standing)
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
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self._config.jpeg_quality])
        self._telemetry.observe("encode_jpeg", self._clock.monotonic_ns() - start_ns)
        self._jpeg = (result, data.tobytes())
        return self._jpeg[1]

    def _warn(self, message: str, detail: object, *, traceback: bool = False) -> None:
        """Log at most once a second: a fault of one picture tends to be a fault of all."""
        now_ns = self._clock.monotonic_ns()
        if self._last_warning_ns is None or now_ns - self._last_warning_ns >= WARNING_SPACING_NS:
            self._last_warning_ns = now_ns
            logger.warning(f"stream %s: {message}", self._stream, detail, exc_info=traceback)
