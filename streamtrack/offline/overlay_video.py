"""The annotated recording: H.264 in an MP4 that plays everywhere, at the source's own times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
import cv2
import numpy as np

from streamtrack.errors import PublishError
from streamtrack.frame import Frame, Image

CRF = "20"
"""Visually close to the source; 23 is x264's default."""
UNKNOWN_FPS = Fraction(25)
"""For pictures that tell no time, as a folder's without `fps`."""
MAX_RATE_DENOMINATOR = 1001
"""Keeps 30000/1001 as it is."""


class OverlayVideo:
    """Writes pictures into an MP4. Sound is not copied. Use it as a context manager."""

    def __init__(self, path: Path, fps: float | None) -> None:
        """Open the file for writing.

        Raises:
            PublishError: it cannot be written.
        """
        self._path = path
        self._fps = Fraction(fps).limit_denominator(MAX_RATE_DENOMINATOR) if fps else UNKNOWN_FPS
        self._stream: Any = None
        self._last_pts = -1
        self._num_pictures = 0
        try:
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        except (OSError, av.error.FFmpegError) as error:
            raise PublishError(f"{path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def write(self, picture: Image, frame: Frame) -> None:
        """Append an annotated picture.

        Args:
            picture: (H, W, 3) uint8 RGB, H and W even; scaled where its size is not the first one's.
            frame: the frame it shows, for its time.
        """
        if self._stream is None:
            self._open_stream(picture, frame)
        size = (self._stream.width, self._stream.height)
        if (picture.shape[1], picture.shape[0]) != size:
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        video_frame: Any = av.VideoFrame.from_ndarray(picture, format="rgb24")
        video_frame.time_base = self._time_base
        video_frame.pts = self._next_pts(frame)
        self._container.mux(self._stream.encode(video_frame))
        self._num_pictures += 1

    def close(self) -> None:
        """Finish the file: without this it cannot be played. May be called again."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
                self._stream = None
        finally:
            self._container.close()

    def _open_stream(self, picture: Image, frame: Frame) -> None:
        # A time base of the source keeps variable frame rates exactly; MP4 takes it as it is.
        self._time_base = frame.time_base if frame.pts is not None else 1 / self._fps
        self._first_pts = frame.pts or 0
        self._stream = self._container.add_stream(
            "libx264", rate=self._fps, options={"crf": CRF, "preset": "veryfast"}
        )
        self._stream.height, self._stream.width = picture.shape[:2]
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._time_base
        self._stream.codec_context.time_base = self._time_base

    def _next_pts(self, frame: Frame) -> int:
        if frame.pts is None:
            pts = self._num_pictures
        else:
            pts = round((frame.pts * frame.time_base) / self._time_base) - self._first_pts
        # A broken source may repeat a time; an MP4 may not.
        self._last_pts = max(pts, self._last_pts + 1)
        return self._last_pts
