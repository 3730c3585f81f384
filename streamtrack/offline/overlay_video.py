"""The annotated recording: H.264 in an MP4 that plays everywhere, at the source's own times.

While it grows it is a fragmented MP4, each picture whole in the file once it is encoded: after a crash it
plays to the last one. When it is closed it becomes an ordinary MP4, whose length every player knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from streamtrack.frame import Frame, Image
from streamtrack.offline.whole_writes import write_all
from streamtrack.video.colour import colour_of

OPTIONS = {
    "crf": "20",  # visually close to the source; 23 is x264's default
    "preset": "veryfast",
    # Pictures are stored in the order in which they are shown, so each fragment's time is its own.
    "bf": "0",
}
MOVFLAGS = "hybrid_fragmented+frag_every_frame"
UNKNOWN_FPS = Fraction(25)
"""For pictures that tell no time, as a folder's without `fps`."""
MAX_RATE_DENOMINATOR = 1001
"""Keeps 30000/1001 as it is."""
MAX_TICKS_PER_SECOND = 90_000
"""A finer clock is rounded to this one: it would only shorten the longest gap."""
MAX_GAP_TICKS = 2**31 - 2**16
"""FFmpeg lets a picture of an MP4 last for less than 2^31 ticks; 6.6 hours at 90 kHz."""


class OverlayVideo:
    """Writes pictures into a new MP4. Sound is not copied."""

    def __init__(self, path: Path, fps: float | None) -> None:
        """Make the file.

        Raises:
            OSError: the disk refuses.
        """
        self._path = path
        self._fps = Fraction(fps).limit_denominator(MAX_RATE_DENOMINATOR) if fps else UNKNOWN_FPS
        self._file = _Sink(path)
        self._reformatter = VideoReformatter()
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._clock: _Clock | None = None
        self._num_muxed = 0
        self._finished = False

    @property
    def num_shortened_gaps(self) -> int:
        """Gaps between two pictures that were longer than an MP4 can hold."""
        return self._clock.num_shortened if self._clock is not None else 0

    def write(self, picture: Image, frame: Frame) -> None:
        """Append an annotated picture.

        Args:
            picture: (H, W, 3) uint8 RGB, H and W even. One of another size than the first is fitted into
                it, its shape kept, on black.
            frame: the frame it shows, for its time.
        Raises:
            OSError: the disk or the encoder refuses; the file then plays up to the picture before.
        """
        if self._clock is None:
            self._clock = self._open(picture, frame)
        video_frame = self._colour.convert(fit_into(picture, self._size), self._reformatter)
        video_frame.time_base = self._clock.time_base
        video_frame.pts = self._clock.next_pts(frame)
        with self._writing():
            packets = self._stream.encode(video_frame)
            self._container.mux(packets)
        self._num_muxed += len(packets)

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
            # A picture is written when the next one says how long it lasts.
            if not self._finished and self._num_muxed < 2:
                self._path.unlink(missing_ok=True)

    def _finish(self, container: Any) -> None:
        try:
            with self._writing():
                container.mux(self._stream.encode(None))
        finally:
            with self._writing():
                container.close()
        self._finished = True

    def _open(self, picture: Image, frame: Frame) -> _Clock:
        """Open the encoder for pictures of this size, and the clock that the frame's time starts."""
        height, width = picture.shape[:2]
        self._size = (width, height)
        # A time base of the source keeps variable frame rates exactly; MP4 takes it as it is.
        time_base = frame.time_base if frame.pts is not None else 1 / self._fps
        if 1 / time_base > MAX_TICKS_PER_SECOND:
            time_base = Fraction(1, MAX_TICKS_PER_SECOND)
        self._colour = colour_of(width, height)
        with self._writing():
            self._container = av.open(self._file, "w", format="mp4", options={"movflags": MOVFLAGS})
            self._stream = self._container.add_stream("libx264", rate=self._fps, options=OPTIONS)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = self._stream.codec_context.time_base = time_base
            self._colour.tag(self._stream.codec_context)
            self._container.start_encoding()
        longest_gap = int(MAX_GAP_TICKS * self._stream.time_base / time_base)
        return _Clock(frame, time_base, longest_gap)

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


class _Clock:
    """Frames' times in an MP4's ticks: from 0, rising, no gap longer than the container can hold."""

    def __init__(self, first: Frame, time_base: Fraction, longest_gap: int) -> None:
        self.time_base = time_base
        self.num_shortened = 0
        self._longest_gap = longest_gap
        self._offset = -self._ticks(first, 0)
        self._last = -1

    def next_pts(self, frame: Frame) -> int:
        """The next picture's time."""
        # A broken source may repeat a time; an MP4 may not.
        pts = max(self._ticks(frame, self._last + 1 - self._offset) + self._offset, self._last + 1)
        if self._last >= 0 and pts - self._last > self._longest_gap:
            self.num_shortened += 1
            self._offset -= pts - self._last - self._longest_gap
            pts = self._last + self._longest_gap
        self._last = pts
        return pts

    def _ticks(self, frame: Frame, unknown: int) -> int:
        return unknown if frame.pts is None else round(frame.pts * frame.time_base / self.time_base)


class _Sink:
    """The file that FFmpeg writes to. After its first error nothing more reaches the disk, and what was only
    half written is cut off: FFmpeg's own way to end a file would overwrite its head."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self.error: OSError | None = None
        self.size = 0
        """Bytes up to the last whole picture."""

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                write_all(self._file, data)
            except OSError as error:
                self.error = error
                os.ftruncate(self._file, self.size)
        return len(data)

    def read(self, count: int) -> bytes:
        return os.read(self._file, count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._file, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._file, 0, os.SEEK_CUR)

    def stop(self) -> None:
        """Let nothing more through, after an error that is not the file's."""
        self.error = self.error or OSError(0, "ended by an earlier error")

    def keep(self) -> None:
        """What was written so far is whole."""
        self.size = os.fstat(self._file).st_size

    def close(self) -> None:
        """May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def fit_into(picture: Image, size: tuple[int, int]) -> Image:
    """The picture itself where it has this width and height, else scaled to fit, its shape kept, on black."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    scale = min(size[0] / width, size[1] / height)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(picture, fitted, interpolation=interpolation)
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0]] = scaled
    return canvas
