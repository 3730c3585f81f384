"""A video file read in any order: from the key frame before a frame on, group of pictures by group."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter

from streamtrack.errors import SourceError
from streamtrack.frame import Image


class VideoFilm:
    """The first video stream of a file. Its packets are listed once; a picture is decoded when it is read."""

    resampling: Literal["bicubic"] = "bicubic"  # as sam2's reader scales

    def __init__(self, path: Path) -> None:
        """List the frames.

        Raises:
            SourceError: not a video, damaged, or without frames.
        """
        self._path = path
        self._container: Any = None
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._next = 0
        self._reformatter = VideoReformatter()
        try:
            self._open()
            self._list_frames()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"film {path}: not a video that can be read, or damaged") from error
        if not self._pts:
            raise SourceError(f"film {path}: no frames, expected a video")
        self.num_frames = len(self._pts)
        self._rewind(0)
        first = next((image for _, image in self.read(0, 0)), None)
        assert first is not None
        self.frame_size = (first.shape[0], first.shape[1])

    def read(self, frame_idx: int, before: int) -> Iterator[tuple[int, Image]]:
        """The frame, and those decoded ahead of it; see `Film.read`."""
        # On from where the decoder stands, unless the frame lies behind it or a key frame lies between.
        if not self._next <= frame_idx or self._key_frame(frame_idx) > self._next:
            self._rewind(frame_idx)
        # Decoded pictures are small as they come (YUV); only those that are wanted become RGB.
        decoded: deque[tuple[int, Any]] = deque(maxlen=before + 1)
        last: tuple[int, Any] | None = None
        for index, frame in self._frames:
            self._next = index + 1
            last = index, frame
            if index > frame_idx - before - 1:
                decoded.append(last)
            if index >= frame_idx:
                break
        if last is None:
            raise SourceError(f"film {self._path}: frame {frame_idx} cannot be decoded")
        if not decoded or decoded[-1][0] != frame_idx:
            # Damaged or missing: the picture before it stands in, as a player would show it.
            self._next = self.num_frames + 1
            decoded = deque([(frame_idx, last[1])])
        for index, frame in decoded:
            yield index, self._to_rgb(frame)

    def _open(self) -> None:
        self._container = av.open(str(self._path))
        videos = self._container.streams.video
        if not videos:
            raise SourceError(f"film {self._path}: no video stream")
        self._stream = videos[0]
        self._stream.thread_type = "AUTO"

    def _list_frames(self) -> None:
        """Time stamps of all pictures, and which of them are key frames."""
        pts, keys = [], []
        for packet in self._container.demux(self._stream):
            if packet.size == 0 or packet.pts is None or packet.is_discard:
                continue
            pts.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        self._pts = sorted(set(pts))
        index_of = {value: index for index, value in enumerate(self._pts)}
        self._index_of = index_of
        self._keys = sorted(index_of[value] for value in set(keys)) or [0]

    def _key_frame(self, frame_idx: int) -> int:
        return self._keys[max(0, bisect_right(self._keys, frame_idx) - 1)]

    def _rewind(self, frame_idx: int) -> None:
        """Stand at the key frame before a frame."""
        key = self._key_frame(frame_idx)
        self._container.seek(self._pts[key], stream=self._stream, backward=True)
        self._next = key
        self._frames = self._decode()

    def _decode(self) -> Iterator[tuple[int, Any]]:
        """Pictures with their frame_idx, from where the container stands; damaged packets are left out."""
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError):
                continue
            for frame in frames:
                index = self._index_of.get(frame.pts)
                if index is not None:
                    yield index, frame

    def _to_rgb(self, frame: Any) -> Image:
        """RGB, upright."""
        image: Image = np.asarray(self._reformatter.reformat(frame, format="rgb24").to_ndarray(), np.uint8)
        if frame.rotation:
            image = np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
        return image
