"""The decoder of everything that FFmpeg opens: cameras, recordings, webcams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import av.error
from av.codec.context import Flags

from streamtrack.clock import NS_PER_MS
from streamtrack.config import SourceConfig
from streamtrack.ingest.containers import OpenNested, describe, lost_error, open_container, pick_video
from streamtrack.ingest.decoder import EndOfStream, Picture, Skipped, StreamInfo
from streamtrack.ingest.display import shown_size
from streamtrack.ingest.live_body import LiveBody
from streamtrack.ingest.picture_decoder import PictureDecoder
from streamtrack.ingest.picture_header import check_size
from streamtrack.ingest.picture_times import DECODE_STAMPS_ONLY, PictureTimes
from streamtrack.ingest.source import SourceKind, SourceSpec
from streamtrack.ingest.tap import NO_TAPS, CodedStream, Taps

REFUSES_DAMAGE = frozenset({"hevc"})
"""Decoders that flag nothing: where nobody looks twice they are made to refuse what they find damaged, or
predicted from what never came."""


class AvDecoder:
    """Reads one container with PyAV. Every method from one thread, which also closes it."""

    def __init__(
        self,
        spec: SourceSpec,
        config: SourceConfig,
        body: LiveBody | None = None,
        open_nested: OpenNested | None = None,
        taps: Taps = NO_TAPS,
    ) -> None:
        """`body`: what to read instead of the address; `open_nested`: as for `open_container`; `taps`: told
        of the packets."""
        self._spec = spec
        self._config = config
        self._body = body
        self._open_nested = open_nested
        self._taps = taps
        self._container: Any = None
        self._stream: Any = None
        self._packets: Iterator[Any] = iter(())
        self._pictures: PictureDecoder | None = None
        self._left_ns = 0

    def open(self) -> StreamInfo:
        """Connect and pick the video stream. Waits for `open_timeout_ms` at most, twice (connect, probe)."""
        self._close_container()
        if self._body is not None:
            self._body.allow(self._config.open_timeout_ms / 1000)
        self._container = open_container(self._spec, self._config, self._body, self._open_nested)
        try:
            self._stream = pick_video(self._container, self._spec)
        except BaseException:
            self.close()
            raise
        self._set_threads()
        fps = self._fps()
        self._pictures = self._new_pictures(fps)
        self._taps.coded(self._coded())
        # Audio too: it shows that the source lives, and ends the wait.
        self._packets = self._container.demux()
        self._left_ns = time.monotonic_ns()
        codec = self._stream.codec_context
        width, height = codec.width, codec.height
        check_size(self._spec.redacted_url, width, height)
        if width and height:
            width, height = shown_size(width, height, self._stream.sample_aspect_ratio)
        return StreamInfo(
            width_px=width,
            height_px=height,
            fps=fps,
            num_frames=None if self._spec.live else (self._stream.frames or None),
            codec=codec.name,
            needs_pacing=self._is_recording() or self._container.format.name == "hls",
        )

    def read(self) -> Picture | Skipped | EndOfStream:
        """The next outcome. Packets that make no sound picture end after `read_timeout_ms` too."""
        pictures = self._pictures
        if pictures is None:
            raise lost_error("not open", self._spec)
        pictures.alive_ns += time.monotonic_ns() - self._left_ns  # time between two reads is not the source's
        if self._body is not None:
            self._body.allow(self._config.read_timeout_ms / 1000)
        while not pictures.outcomes:
            packet = self._next_packet()
            if packet is None:
                return self._end()
            if packet.stream.index == self._stream.index:
                pictures.take(packet)
            self._check_alive(pictures)
        self._left_ns = time.monotonic_ns()
        return pictures.outcomes.popleft()

    def coded_times(self) -> Iterator[tuple[int | None, int | None, bool]]:
        """Presentation and decode time of each picture of a recording, in ticks, and whether it is a
        keyframe, in the order of decoding; reads all of it and decodes nothing. Open it anew after that.

        Raises:
            SourceLostError: it breaks off.
        """
        while (packet := self._next_packet()) is not None:
            if packet.stream.index == self._stream.index and packet.size and not packet.is_discard:
                yield packet.pts, packet.dts, packet.is_keyframe

    def seek(self, ticks: int) -> None:
        """Go on with the keyframe of a presentation time, or one before it.

        Raises:
            SourceLostError: the container cannot be wound.
        """
        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except (av.error.FFmpegError, OSError) as error:
            raise lost_error(describe(error, self._spec), self._spec) from None
        self._stream.codec_context.flush_buffers()
        self._pictures = self._new_pictures(self._fps())
        self._packets = self._container.demux()

    @property
    def is_timed_by_picture(self) -> bool:
        """Whether the container knows when each picture is shown, and not only when it is decoded."""
        return DECODE_STAMPS_ONLY.isdisjoint(self._container.format.name.split(","))

    def close(self) -> None:
        """Close the container, if any."""
        self._close_container()
        if self._body is not None:
            self._body.close()

    def _close_container(self) -> None:
        container, self._container, self._stream = self._container, None, None
        self._packets, self._pictures = iter(()), None
        if container is not None:
            container.close()

    def _new_pictures(self, fps: float | None) -> PictureDecoder:
        return PictureDecoder(self._stream, self._spec, self._config, self._times(fps), self._taps)

    def _coded(self) -> CodedStream:
        context = self._stream.codec_context
        return CodedStream(
            context.codec.canonical_name,
            self._stream.time_base,
            bytes(context.extradata or b""),
            self._stream,
            timed=self.is_timed_by_picture,
        )

    def _set_threads(self) -> None:
        codec = self._stream.codec_context
        codec.copy_opaque = True
        if codec.name in REFUSES_DAMAGE:
            if self._config.verify_pictures:
                codec.flags |= Flags.output_corrupt  # what misses a picture is shown, and marked
            else:
                codec.options = {"err_detect": "explode"}
        codec.thread_count = self._config.decoder_threads
        # Frame threads hold back one picture each; slices hold back none, but let H.264 hide its damage.
        by_slices = self._spec.live and codec.name != "h264"
        codec.thread_type = "SLICE" if by_slices else "FRAME" if codec.name == "h264" else "AUTO"

    def _fps(self) -> float | None:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else None

    def _times(self, fps: float | None) -> PictureTimes:
        names = set(self._container.format.name.split(","))
        return PictureTimes(
            self._stream.time_base, fps, decode_stamps_only=not names.isdisjoint(DECODE_STAMPS_ONLY)
        )

    def _next_packet(self) -> Any:
        """The next packet, None at the end of the container."""
        try:
            return next(self._packets, None)
        except (av.error.ExitError, TimeoutError):
            raise lost_error(f"nothing came for {self._config.read_timeout_ms} ms", self._spec) from None
        except (av.error.FFmpegError, OSError) as error:
            raise lost_error(describe(error, self._spec), self._spec) from None

    def _check_alive(self, pictures: PictureDecoder) -> None:
        limit_ns = self._config.read_timeout_ms * NS_PER_MS
        if self._spec.live and time.monotonic_ns() - pictures.alive_ns > limit_ns:
            raise lost_error(f"no sound picture for {self._config.read_timeout_ms} ms", self._spec)

    def _end(self) -> EndOfStream:
        """The container ended: fine for a recording, a loss for what has no end."""
        if self._is_recording():
            return EndOfStream()
        raise lost_error("the server ended the stream", self._spec)

    def _is_recording(self) -> bool:
        """Whether it has an end. A playlist or an HTTP stream is a recording once it has told its length."""
        told_length = self._spec.kind is SourceKind.HTTP and self._container.duration is not None
        return told_length or not self._spec.live
