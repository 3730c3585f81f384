"""All recordings of a folder: which there are, how much they take, which must go. Any thread may ask.

Nothing is remembered beside the files: names say the stream and the beginning, the files themselves the rest.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

from streamtrack.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from streamtrack.config import STREAM_NAME, ArchiveConfig
from streamtrack.errors import ArchiveError, ConfigError
from streamtrack.recording.film_shape import read_shape
from streamtrack.recording.masks_file import whole_lines
from streamtrack.recording.names import FILMS, MASKS_SUFFIX, begun_ms, film_file, name_of_file, not_kept

FOLDER = "recordings"
DAY_MS = 86_400_000
GB = 1_000_000_000

NEWEST_LOOKED_AT = 2
"""Recordings of a stream that may have been written when the process was killed."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """One recording as the shelf counts it."""

    name: str
    stream: str
    begun_ms: int
    num_bytes: int = 0
    is_open: bool = False
    """Whether it is being written."""


@dataclass(slots=True)
class _Counts:
    by_name: dict[str, Kept] = field(default_factory=dict)
    num_bytes: int = 0


class Shelf:
    """The recordings under `archive.folder`."""

    def __init__(self, config: ArchiveConfig, clock: Clock = SYSTEM_CLOCK) -> None:
        """Make the folder where it is not there, and count what is in it.

        Raises:
            ConfigError: it cannot be made or read.
        """
        assert config.folder is not None, "a shelf needs archive.folder"
        self.folder = config.folder / FOLDER
        self._config = config
        self._clock = clock
        self._lock = threading.RLock()
        self._counts = _Counts()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._count_files()
        except OSError as error:
            raise ConfigError(
                f"archive.folder: {config.folder} cannot be used: {error.strerror or error}"
            ) from error

    # -- while a recording is written ------------------------------------------------------------------

    def begin(self, stream: str, name: str) -> Path:
        """The folder of a new recording's files.

        Raises:
            OSError: it cannot be made, or the disk has less room than `min_free_gb`.
        """
        folder = self.folder / stream
        folder.mkdir(exist_ok=True)
        self.check_room()
        begun = begun_ms(name)
        assert begun is not None, f"{name} is no name of a recording"
        with self._lock:
            self._counts.by_name[name] = Kept(name, stream, begun, is_open=True)
        self.make_room()
        return folder

    def has(self, name: str) -> bool:
        """Whether there is a recording of a name."""
        with self._lock:
            return name in self._counts.by_name

    def grew(self, name: str, num_bytes: int) -> None:
        """A recording's files have become larger; the oldest ones go where all take too much."""
        with self._lock:
            kept = self._counts.by_name.get(name)
            if kept is None:
                return
            kept.num_bytes += num_bytes
            self._counts.num_bytes += num_bytes
            is_full = self._counts.num_bytes > self._config.max_gb * GB
        if is_full:
            self.make_room()

    def end(self, name: str) -> None:
        """A recording is complete; one without a byte is forgotten."""
        with self._lock:
            kept = self._counts.by_name.get(name)
            if kept is not None:
                kept.is_open = False
        if kept is not None and kept.num_bytes == 0:
            self._drop(kept)

    def check_room(self) -> None:
        """Raises:
        OSError: the disk has less room than `min_free_gb`.
        """
        free = shutil.disk_usage(self.folder).free
        if free < self._config.min_free_gb * GB:
            raise OSError(
                errno.ENOSPC,
                f"{free / GB:.2f} GB are free on the disk, expected archive.min_free_gb, "
                f"{self._config.min_free_gb:g}",
            )

    def make_room(self) -> None:
        """Delete the oldest until the rest is young and small enough; never one that is being written."""
        oldest_ms = self._clock.wall_ns() // NS_PER_MS - self._config.keep_days * DAY_MS
        max_bytes = self._config.max_gb * GB
        with self._lock:
            closed = (kept for kept in self._counts.by_name.values() if not kept.is_open)
            for kept in sorted(closed, key=lambda kept: kept.begun_ms):
                if self._counts.num_bytes <= max_bytes and kept.begun_ms >= oldest_ms:
                    return
                logger.info("recording %s is deleted: older than all that may stay", kept.name)
                self._drop(kept)

    # -- what is asked ---------------------------------------------------------------------------------

    @property
    def num_bytes(self) -> int:
        """Of all recordings together."""
        return self._counts.num_bytes

    def streams(self) -> tuple[str, ...]:
        """Streams that have a recording, by name."""
        with self._lock:
            return tuple(sorted({kept.stream for kept in self._counts.by_name.values()}))

    def kept(self, stream: str | None = None) -> tuple[Kept, ...]:
        """Recordings, oldest first, as they are counted: cheap."""
        with self._lock:
            found = [k for k in self._counts.by_name.values() if stream is None or k.stream == stream]
        return tuple(sorted(found, key=lambda kept: (kept.begun_ms, kept.name)))

    def find(self, stream: str, name: str) -> Kept:
        """One recording, by the shelf's own list: what a request names never becomes a path.

        Raises:
            UnknownRecordingError: there is none of that name.
        """
        with self._lock:
            kept = self._counts.by_name.get(name)
        if kept is None or kept.stream != stream:
            raise not_kept(stream, name)
        return kept

    def remove(self, stream: str, name: str) -> None:
        """Delete a recording.

        Raises:
            UnknownRecordingError: there is none of that name.
            ArchiveError: it is being written.
        """
        kept = self.find(stream, name)
        if kept.is_open:
            raise ArchiveError(f"{stream}: recording {name!r} is being written, expected one that has ended")
        self._drop(kept)

    def paths(self, kept: Kept) -> dict[str, Path]:
        """Where a recording's files are, or would be: `clean`, `overlay` and `masks`."""
        folder = self.folder / kept.stream
        films: dict[str, Path] = {film: folder / film_file(kept.name, film) for film in FILMS}
        return {**films, "masks": folder / f"{kept.name}{MASKS_SUFFIX}"}

    # -- files -----------------------------------------------------------------------------------------

    def _drop(self, kept: Kept) -> None:
        """Delete the files, and forget them."""
        for path in self.paths(kept).values():
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("recording %s cannot be deleted: %s", path.name, error.strerror)
        with self._lock:
            known = self._counts.by_name.pop(kept.name, None)
            if known is not None:
                self._counts.num_bytes -= known.num_bytes

    def _count_files(self) -> None:
        for folder in self.folder.iterdir():
            if not (folder.is_dir() and STREAM_NAME.fullmatch(folder.name)):
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._count_file(folder.name, entry)
        self._cut_off_halves()

    def _cut_off_halves(self) -> None:
        """What a killed process left unfinished of the newest films goes: the files then are whole."""
        newest: dict[str, list[Kept]] = {}
        for kept in self._counts.by_name.values():
            newest.setdefault(kept.stream, []).append(kept)
        for of_stream in newest.values():
            for kept in sorted(of_stream, key=lambda kept: kept.begun_ms)[-NEWEST_LOOKED_AT:]:
                self._cut_off_half(kept)

    def _cut_off_half(self, kept: Kept) -> None:
        for path in self.paths(kept).values():
            if not path.is_file():
                continue
            size = path.stat().st_size
            whole = whole_lines(path) if path.suffix == ".jsonl" else read_shape(path).whole_bytes
            if whole < size:
                os.truncate(path, whole)
                kept.num_bytes -= size - whole
                self._counts.num_bytes -= size - whole

    def _count_file(self, stream: str, entry: os.DirEntry[str]) -> None:
        name = name_of_file(entry.name)
        begun = None if name is None else begun_ms(name)
        if name is None or begun is None or not name.startswith(f"{stream}_"):
            return  # somebody else's
        size = entry.stat().st_size
        kept = self._counts.by_name.setdefault(name, Kept(name, stream, begun))
        kept.num_bytes += size
        self._counts.num_bytes += size
