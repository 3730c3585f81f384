"""What is read of recordings: which there are in a time, how long they play, where their files are."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from streamtrack.recording.film_shape import FilmShape, read_shape
from streamtrack.recording.names import FILMS, not_kept
from streamtrack.recording.shelf import Kept, Shelf

SHAPES_KEPT = 16_384
JOINED_MS = 1_500
"""Recordings that are no farther apart are shown as one span."""


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """One recording."""

    name: str
    """Its stream and when it begins."""
    stream: str
    begun_ms: int
    """Unix epoch, UTC."""
    ended_ms: int
    bytes: int
    """All its files."""
    films: tuple[str, ...]
    """clean, overlay, or both."""
    has_masks: bool
    is_open: bool
    """It is still being written."""


class Library:
    """Reads the recordings of a shelf. Any thread may call any method; they read files."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = threading.Lock()
        self._shapes: dict[Path, tuple[int, FilmShape]] = {}

    def list(
        self, stream: str, from_ms: int = 0, to_ms: int | None = None, limit: int | None = None
    ) -> tuple[RecordingInfo, ...]:
        """A stream's recordings that have a part between two moments, oldest first.

        Args:
            limit: of more, the first ones.
        """
        found: list[RecordingInfo] = []
        kept = self._shelf.kept(stream)
        # One that begins before may reach into the time; the one before that had ended when it began.
        first = max((i for i, one in enumerate(kept) if one.begun_ms <= from_ms), default=0)
        for one in kept[first:]:
            if (to_ms is not None and one.begun_ms >= to_ms) or (limit is not None and len(found) >= limit):
                break
            info = self._describe(one)
            if info is not None and info.ended_ms > from_ms:
                found.append(info)
        return tuple(found)

    def spans(self, stream: str, from_ms: int, to_ms: int) -> tuple[tuple[int, int], ...]:
        """From when to when a stream is recorded, within a time; what follows at once is joined."""
        spans: list[tuple[int, int]] = []
        for one in self.list(stream, from_ms, to_ms):
            if spans and one.begun_ms - spans[-1][1] <= JOINED_MS:
                spans[-1] = (spans[-1][0], max(spans[-1][1], one.ended_ms))
            else:
                spans.append((one.begun_ms, one.ended_ms))
        return tuple(spans)

    def info(self, stream: str, name: str) -> RecordingInfo:
        """One recording.

        Raises:
            UnknownRecordingError: there is none of that name.
        """
        info = self._describe(self._shelf.find(stream, name))
        if info is None:
            raise not_kept(stream, name)
        return info

    def film(self, stream: str, name: str, film: str) -> tuple[Path, FilmShape]:
        """A film's file, and what of it is whole.

        Raises:
            UnknownRecordingError: there is no such film.
        """
        path = self._shelf.paths(self._shelf.find(stream, name)).get(film) if film in FILMS else None
        shape = None if path is None else self._shape(path)
        if path is None or shape is None or not shape.num_fragments:
            raise not_kept(stream, f"{name}.{film}")
        return path, shape

    def masks(self, stream: str, name: str) -> Path:
        """The file of a recording's masks.

        Raises:
            UnknownRecordingError: there is none.
        """
        path = self._shelf.paths(self._shelf.find(stream, name))["masks"]
        if not path.is_file():
            raise not_kept(stream, f"{name}.masks")
        return path

    def _describe(self, kept: Kept) -> RecordingInfo | None:
        """A recording's values; None where nothing of it can be played yet."""
        paths = self._shelf.paths(kept)
        shapes = {film: self._shape(paths[film]) for film in FILMS}
        films = tuple(film for film, shape in shapes.items() if shape is not None and shape.num_fragments)
        if not films:
            return None
        shape = shapes[films[0]]
        duration_s = 0.0 if shape is None else shape.duration_s
        return RecordingInfo(
            kept.name,
            kept.stream,
            kept.begun_ms,
            kept.begun_ms + round(duration_s * 1000),
            kept.num_bytes,
            films,
            paths["masks"].is_file(),
            kept.is_open,
        )

    def _shape(self, path: Path) -> FilmShape | None:
        """A film's shape, read again where the file has grown; None where there is none."""
        try:
            size = path.stat().st_size
            with self._lock:
                known = self._shapes.get(path)
            if known is not None and known[0] == size:
                return known[1]
            shape = read_shape(path)
        except OSError:
            return None
        if shape.whole_bytes < size:
            return shape  # what follows may be whole in a moment, at the same size
        with self._lock:
            if len(self._shapes) >= SHAPES_KEPT:
                self._shapes.pop(next(iter(self._shapes)))
            self._shapes[path] = (size, shape)
        return shape
