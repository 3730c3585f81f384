"""The decoder of everything that FFmpeg opens: cameras, recordings, webcams."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError, SourceLostError
from streamtrack.frame import Image
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.redact import redact_text
from streamtrack.ingest.source import SourceKind, SourceSpec

MAX_CORRUPT_RUN = 100
"""Damaged packets in a row before the source counts as lost: a codec that changed never heals by itself."""
TEXT_FORMATS = ("tty",)
"""FFmpeg plays text files as if a terminal typed them; nobody means that."""
MAX_KEYFRAME_WAIT = 300
"""Packets after which we go on without a keyframe: cameras with a rolling refresh never send one."""

logger = logging.getLogger(__name__)


class AvDecoder:
    """Reads one container with PyAV. Every method from one thread, which also closes it."""

    def __init__(self, spec: SourceSpec, config: SourceConfig) -> None:
        self._spec = spec
        self._config = config
        self._container: Any = None
        self._stream: Any = None
        self._packets: Iterator[Any] = iter(())
        self._decoded: deque[Picture | Skipped | EndOfStream] = deque()
        self._reformatter = VideoReformatter()
        self._wait_for_keyframe = True
        self._packets_waited = 0
        self._corrupt_run = 0

    def open(self) -> StreamInfo:
        """Connect and pick the video stream. Waits for `open_timeout_ms` at most, twice (connect, probe)."""
        self.close()
        timeout_s = (self._config.open_timeout_ms / 1000, self._config.read_timeout_ms / 1000)
        try:
            self._container = av.open(
                self._spec.url, format=self._spec.format, options=dict(self._spec.options), timeout=timeout_s
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._open_error(error) from None  # the cause's text quotes the URL with its credentials
        try:
            return self._pick_stream()
        except BaseException:
            self.close()
            raise

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next outcome. Packets that never make a picture end after `read_timeout_ms` too."""
        deadline = time.monotonic() + self._config.read_timeout_ms / 1000
        while not self._decoded:
            packet = self._next_packet()
            if packet is None:
                return self._end()
            if packet.stream.index == self._stream.index:
                self._decode(packet)
            if not self._decoded and self._spec.live and time.monotonic() > deadline:
                raise self._lost(f"no picture for {self._config.read_timeout_ms} ms")
        return self._decoded.popleft()

    def close(self) -> None:
        """Close the container, if any."""
        container, self._container, self._stream = self._container, None, None
        self._packets = iter(())
        self._decoded.clear()
        if container is not None:
            container.close()

    def _pick_stream(self) -> StreamInfo:
        if self._container.format.name in TEXT_FORMATS:
            raise self._not_a_video()
        # A song's cover is a video stream of one picture to FFmpeg, and no video to anyone else.
        cover = av.stream.Disposition.attached_pic
        videos = [s for s in self._container.streams.video if not s.disposition & cover]
        if not videos:
            found = ", ".join(sorted({s.type for s in self._container.streams})) or "nothing"
            raise SourceError(f"source {self._spec.redacted_url}: no video stream, found {found}")
        self._stream = stream = videos[0]
        if stream.codec_context is None:
            raise SourceError(f"source {self._spec.redacted_url}: no decoder for its codec in this FFmpeg")
        stream.codec_context.thread_count = self._config.decoder_threads
        # Frame threads hold back one picture each; slices hold back none.
        stream.codec_context.thread_type = "SLICE" if self._spec.live else "AUTO"
        self._packets = (
            self._container.demux()
        )  # audio too: it shows that the source lives, and ends the wait
        self._wait_for_keyframe, self._packets_waited, self._corrupt_run = True, 0, 0
        rate = stream.average_rate or stream.guessed_rate
        return StreamInfo(
            width_px=stream.codec_context.width,
            height_px=stream.codec_context.height,
            fps=float(rate) if rate else None,
            num_frames=None if self._spec.live else (stream.frames or None),
            codec=stream.codec_context.name,
            needs_pacing=self._is_recording() or self._container.format.name == "hls",
        )

    def _next_packet(self) -> Any:
        """The next packet, None at the end of the container."""
        try:
            return next(self._packets, None)
        except av.error.ExitError:
            raise self._lost(f"nothing came for {self._config.read_timeout_ms} ms") from None
        except (av.error.FFmpegError, OSError) as error:
            raise self._lost(self._describe(error)) from None

    def _decode(self, packet: Any) -> None:
        """Decode one packet into outcomes; an empty packet flushes the decoder."""
        is_flush = packet.size == 0
        if packet.is_corrupt:
            self._skip("corrupt")
            return
        if self._wait_for_keyframe and not is_flush:
            if not packet.is_keyframe and self._packets_waited < MAX_KEYFRAME_WAIT:
                self._packets_waited += 1
                self._skip("before_keyframe")
                return
            self._wait_for_keyframe = False
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, ValueError):
            self._skip("corrupt")
            return
        for frame in frames:
            if frame.is_corrupt:
                self._skip("corrupt")
            else:
                self._corrupt_run = 0
                self._decoded.append(self._picture(frame))

    def _picture(self, frame: Any) -> Picture:
        """Convert to RGB, upright, no wider than asked for."""
        turned = frame.rotation % 180 != 0
        shown_width = frame.height if turned else frame.width
        limit = self._config.max_width_px
        scale = min(1.0, limit / shown_width) if limit else 1.0
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA")
        image: Image = np.asarray(rgb.to_ndarray(), np.uint8)
        if frame.rotation:
            image = np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
        return Picture(image, frame.pts, frame.time_base or self._stream.time_base)

    def _skip(self, reason: str) -> None:
        self._decoded.append(Skipped(reason))
        if reason == "corrupt":
            self._corrupt_run += 1
            if self._corrupt_run > MAX_CORRUPT_RUN:
                raise self._lost(f"{self._corrupt_run} damaged packets in a row")

    def _end(self) -> EndOfStream:
        """The container ended: fine for a recording, a loss for what has no end."""
        if self._is_recording():
            return EndOfStream()
        raise self._lost("the server ended the stream")

    def _is_recording(self) -> bool:
        """Whether it has an end. A playlist or an HTTP stream is a recording once it has told its length."""
        told_length = self._spec.kind is SourceKind.HTTP and self._container.duration is not None
        return told_length or not self._spec.live

    def _lost(self, why: str) -> SourceLostError:
        return SourceLostError(f"source {self._spec.redacted_url}: {why}")

    def _not_a_video(self) -> SourceError:
        return SourceError(f"source {self._spec.redacted_url}: not a video that FFmpeg can read, or damaged")

    def _open_error(self, error: Exception) -> SourceError:
        if isinstance(error, av.error.ExitError):
            return self._lost(f"did not open within {self._config.open_timeout_ms} ms")
        if isinstance(error, av.error.InvalidDataError) and self._spec.kind is SourceKind.FILE:
            return SourceError(
                f"source {self._spec.redacted_url}: not a video that FFmpeg can read, or damaged"
            )
        return self._lost(self._describe(error))

    def _describe(self, error: Exception) -> str:
        """FFmpeg's own words in one line, without the URL and its credentials."""
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return " ".join(redact_text(text, self._spec.url).split())
