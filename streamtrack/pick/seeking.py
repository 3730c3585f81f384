"""A film's frames in any order, as a slider asks for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from streamtrack.errors import SourceError
from streamtrack.frame import Frame
from streamtrack.ingest import FilmReader

BLOCK_BYTES = 96 << 20
"""Pictures at hand: a block of frames that lie one after the other, decoded at once. More make steps from
frame to frame cheaper, and jumps dearer."""
BLOCK_FRAMES = 4, 16
"""And so many of them, at least and at most."""


class SeekingFilm:
    """Reads single frames of a recording. May be asked from several threads; one at a time is served."""

    def __init__(self, reader: FilmReader) -> None:
        """Count the frames, for which the file is read once.

        Raises:
            SourceError: the recording cannot be read.
        """
        self._reader = reader
        self._lock = threading.Lock()
        self._block: dict[int, Frame] = {0: reader.first}
        self._only_forward = False
        least, most = BLOCK_FRAMES
        self._block_frames = max(least, min(most, BLOCK_BYTES // max(1, reader.first.image.nbytes)))
        self.num_frames = reader.count_listed()

    @property
    def frame_size(self) -> tuple[int, int]:
        """H, W of the first frame in pixels."""
        return self._reader.first.height_px, self._reader.first.width_px

    @property
    def fps(self) -> float | None:
        """Average rate, where it is known."""
        return self._reader.info.fps

    def read(self, number: int) -> Frame:
        """One frame.

        Raises:
            SourceError: the film is shorter, or cannot be read.
        """
        with self._lock:
            if number not in self._block:
                self._block = self._read_block(number)
            if number not in self._block:
                raise SourceError(f"frame {number} cannot be read, the film has {self.num_frames}")
            return self._block[number]

    def frames(self, numbers: range) -> Iterator[Frame]:
        """Frames in the order of their numbers, as far as the film goes."""
        for number in numbers:
            if number >= self.num_frames:
                return
            yield self.read(number)

    def count(self, enough: int | None = None) -> int:
        """The number of frames; `enough` at most, where that is given."""
        return self.num_frames if enough is None else min(enough, self.num_frames)

    def _read_block(self, number: int) -> dict[int, Frame]:
        first = number - number % self._block_frames
        last = min(first + self._block_frames, self.num_frames) - 1
        if not self._only_forward:
            try:
                # Backward, because that begins at the keyframe before, and forward at the film's first frame.
                return {frame.seq: frame for frame in self._reader.frames(range(last, first - 1, -1))}
            except SourceError:
                self._only_forward = True
        return {frame.seq: frame for frame in self._reader.frames(range(first, last + 1))}
