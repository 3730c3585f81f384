"""A new video file: pictures at the source's own times, and the source's sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from streamtrack.frame import Frame
from streamtrack.offline.sink import Sink
from streamtrack.offline.sound import Sound
from streamtrack.offline.video_clock import VideoClock
from streamtrack.offline.video_format import MP4, VideoFormat
from streamtrack.video.colour import colour_of

UNKNOWN_FPS = Fraction(25)
"""For pictures that tell no time, as a folder's without `fps`."""
MAX_RATE_DENOMINATOR = 1001
"""Keeps 30000/1001 as it is."""
MAX_GAP_TICKS = 2**31 - 2**16
"""FFmpeg lets a picture of an MP4 last for less than 2^31 ticks; 6.6 hours at 90 kHz."""

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB, or (H, W, 4) RGB and alpha where the format has it."""


class VideoFile:
    """Writes pictures into a new file. It plays to the last whole picture whatever ends the run."""

    def __init__(
        self, path: Path, fps: float | None, kind: VideoFormat = MP4, sound: Sound | None = None
    ) -> None:
        """Make the file.

        Raises:
            OSError: the disk refuses.
        """
        self._path = path
        self._fps = Fraction(fps).limit_denominator(MAX_RATE_DENOMINATOR) if fps else UNKNOWN_FPS
        self._kind = kind
        self._sound = sound
        self._file = Sink(path)
        self._reformatter = VideoReformatter()
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._clock: VideoClock | None = None
        self._last_s = Fraction(0)
        self._num_muxed = 0
        self._sound_to_its_end = False
        self._finished = False

    @property
    def num_shortened_gaps(self) -> int:
        """Gaps between two pictures that were longer than the container can hold."""
        return self._clock.num_shortened if self._clock is not None else 0

    def notes(self) -> tuple[str, ...]:
        """What the user should know, in a few words each."""
        notes = []
        if self.num_shortened_gaps:
            notes.append(f"{self.num_shortened_gaps} long gaps shortened in {self._path.name}")
        if self._sound is not None and self._sound.num_encoded:
            notes.append(f"sound of {self._path.name} encoded anew ({self._kind.container} cannot hold it)")
        if self._sound is not None and self._sound.is_broken:
            notes.append(f"sound of {self._path.name} ends where the source's cannot be read")
        return tuple(notes)

    def write(self, picture: Picture, frame: Frame) -> None:
        """Append a picture.

        Args:
            picture: H and W even. One of another size than the first is fitted into it, its shape kept, on
                black.
            frame: the frame it shows, for its time.
        Raises:
            OSError: the disk or the encoder refuses; the file then plays up to the picture before.
        """
        if self._clock is None:
            self._clock = self._open(picture, frame)
        video_frame = self._colour.convert(
            fit_into(picture, self._size), self._reformatter, self._kind.pixel_format
        )
        video_frame.time_base = self._clock.time_base
        video_frame.pts = self._clock.next_pts(frame)
        self._last_s = video_frame.pts * self._clock.time_base
        with self._writing():
            self._mux_sound(self._last_s)
            packets = self._stream.encode(video_frame)
            self._container.mux(packets)
        self._num_muxed += len(packets)

    def let_sound_end(self) -> None:
        """The recording has no more pictures: sound that goes on after the last one is kept, too."""
        self._sound_to_its_end = True

    def close(self) -> None:
        """Finish the file. One without a picture is removed. May be called again.

        Raises:
            OSError: as `write`.
        """
        container, self._container = self._container, None
        try:
            if container is not None:
                self._finish(container)
        finally:
            self._file.close()
            if self._sound is not None:
                self._sound.close()
            # A picture is written when the next one says how long it lasts.
            if not self._finished and self._num_muxed < 2:
                self._path.unlink(missing_ok=True)

    def _finish(self, container: Any) -> None:
        try:
            with self._writing():
                container.mux(self._stream.encode(None))
                if self._sound is not None:
                    ends_s = None if self._sound_to_its_end else self._last_s + 1 / self._fps
                    for packet in chain(self._sound.until(ends_s), self._sound.end()):
                        container.mux(packet)
        finally:
            with self._writing():
                container.close()
        self._finished = True

    def _mux_sound(self, seconds: Fraction) -> None:
        if self._sound is not None:
            for packet in self._sound.until(seconds):
                self._container.mux(packet)

    def _open(self, picture: Picture, frame: Frame) -> VideoClock:
        """Open the encoder for pictures of this size, and the clock that the frame's time starts."""
        kind = self._kind
        height, width = picture.shape[:2]
        self._size = (width, height)
        # A time base of the source keeps variable frame rates exactly; MP4 takes it as it is.
        time_base = frame.time_base if frame.pts is not None else 1 / self._fps
        if 1 / time_base > kind.max_ticks_per_second:
            time_base = Fraction(1, kind.max_ticks_per_second)
        self._colour = colour_of(width, height)
        has_sound = self._sound is not None and frame.pts is not None and self._sound.open()
        options = {**kind.container_options, **(kind.sound_options if has_sound else {})}
        with self._writing():
            self._container = av.open(self._file, "w", format=kind.container, options=options)
            self._stream = self._container.add_stream(
                kind.codec, rate=self._fps, options=dict(kind.codec_options)
            )
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = kind.pixel_format
            self._stream.time_base = self._stream.codec_context.time_base = time_base
            self._colour.tag(self._stream.codec_context)
            if kind.has_alpha:
                self._stream.metadata["alpha_mode"] = "1"
            if self._sound is not None and has_sound and frame.pts is not None:
                self._sound.begin(self._container, kind, frame.pts * frame.time_base)
            self._container.start_encoding()
        longest_gap = int(MAX_GAP_TICKS * self._stream.time_base / time_base)
        return VideoClock(frame, time_base, longest_gap)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """FFmpeg's errors as OSError; a full disk as what it is."""
        try:
            yield
        except (av.error.FFmpegError, ValueError) as error:
            self._file.stop()
            reason = getattr(error, "strerror", None) or str(error)
            raise self._file.error or OSError(0, reason) from error
        if self._file.error is not None:
            raise self._file.error
        self._file.keep()


def fit_into(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture itself where it has this width and height, else scaled to fit, its shape kept, on black."""
    height, width, channels = picture.shape
    if (width, height) == size:
        return picture
    scale = min(size[0] / width, size[1] / height)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(picture, fitted, interpolation=interpolation)
    canvas = np.zeros((size[1], size[0], channels), np.uint8)
    left, top = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0]] = scaled
    return canvas
