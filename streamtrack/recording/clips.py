"""Clips that were cut for somebody to fetch: a few, for a while."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from streamtrack.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from streamtrack.errors import ArchiveError, BusyError, ConfigError, PromptError, UnknownRecordingError
from streamtrack.recording.clip_cut import FilmPart, LeftOut, cut_clip
from streamtrack.recording.library import Library
from streamtrack.recording.names import Film, not_kept, recording_name
from streamtrack.recording.shelf import Shelf

FOLDER = "clips"
MAX_CLIP_MS = 3_600_000
MAX_EXACT_MS = 600_000
"""What is encoded anew takes as long as it plays on a small machine."""
MAX_CLIPS = 16
KEPT_MS = 3_600_000
"""A clip is to be fetched, not kept."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that can be fetched."""

    clip_id: str
    stream: str
    film: str
    """clean or overlay."""
    from_ms: int
    """As asked for."""
    to_ms: int
    start_ms: int
    """Of its first picture: at `from_ms`, or at the keyframe before it. Wall clock, Unix epoch, UTC."""
    end_ms: int
    duration_ms: int
    bytes: int
    exact: bool
    file_name: str
    """What to call it where it is saved."""
    left_out: tuple[LeftOut, ...] = ()
    """Times without a film that are not in it."""


class Clips:
    """Cuts one clip at a time. Any thread may call any method."""

    def __init__(self, folder: Path, shelf: Shelf, library: Library, clock: Clock = SYSTEM_CLOCK) -> None:
        """`folder`: the archive's. What another process left of clips is removed.

        Raises:
            ConfigError: it cannot be used.
        """
        self._folder = folder / FOLDER
        self._shelf = shelf
        self._library = library
        self._clock = clock
        self._clips: dict[str, tuple[Clip, int]] = {}
        self._lock = threading.Lock()
        self._cutting = threading.Lock()
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"archive.folder: {folder} cannot be used: {error.strerror}") from error

    def cut(self, stream: str, from_ms: int, to_ms: int, film: Film, *, exact: bool) -> Clip:
        """A clip of a stream's recordings between two moments.

        Raises:
            PromptError: it would be too long, or ends before it begins.
            ArchiveError: nothing is recorded of that time, the pictures change in it, or the disk is full.
            BusyError: another one is being cut.
        """
        _check_times(from_ms, to_ms, exact=exact)
        parts = self._parts(stream, from_ms, to_ms, film)
        if not parts:
            raise ArchiveError(f"{stream}: no {film} film is kept of that time, see GET /recordings")
        if not self._cutting.acquire(blocking=False):
            raise BusyError("another clip is being cut, expected none; ask again")
        try:
            return self._cut(parts, stream, from_ms, to_ms, film, exact=exact)
        finally:
            self._cutting.release()

    def all(self) -> tuple[Clip, ...]:
        """Those that can be fetched, oldest first."""
        self.tidy()
        with self._lock:
            return tuple(clip for clip, _ in self._clips.values())

    def get(self, clip_id: str) -> Clip:
        """One of them.

        Raises:
            UnknownRecordingError: there is none of that name, or not any more.
        """
        with self._lock:
            found = self._clips.get(clip_id)
        if found is None:
            raise not_kept("clips", clip_id)
        return found[0]

    def paths(self, clip_id: str) -> tuple[Path, Path]:
        """A clip's film and masks.

        Raises:
            UnknownRecordingError: there is none of that name, or not any more.
        """
        return self._paths(self.get(clip_id).clip_id)

    def remove(self, clip_id: str) -> None:
        """Delete a clip.

        Raises:
            UnknownRecordingError: there is none of that name, or not any more.
        """
        self.get(clip_id)
        with self._lock:
            self._clips.pop(clip_id, None)
        self._unlink(clip_id)

    def tidy(self) -> None:
        """Delete those that nobody fetched for too long, or that are too many."""
        oldest_ms = self._clock.wall_ns() // NS_PER_MS - KEPT_MS
        with self._lock:
            ids = list(self._clips)
            gone = [
                clip_id
                for index, clip_id in enumerate(ids)
                if self._clips[clip_id][1] < oldest_ms or index < len(ids) - MAX_CLIPS
            ]
            for clip_id in gone:
                del self._clips[clip_id]
        for clip_id in gone:
            self._unlink(clip_id)

    def _parts(self, stream: str, from_ms: int, to_ms: int, film: Film) -> list[FilmPart]:
        parts = []
        for info in self._library.list(stream, from_ms, to_ms):
            if film not in info.films:
                continue
            with contextlib.suppress(UnknownRecordingError):  # deleted since it was listed
                path, shape = self._library.film(stream, info.name, film)
                masks = self._library.masks(stream, info.name) if info.has_masks else None
                parts.append(FilmPart(info.begun_ms, path, shape.whole_bytes, masks))
        return parts

    def _cut(
        self, parts: list[FilmPart], stream: str, from_ms: int, to_ms: int, film: Film, *, exact: bool
    ) -> Clip:
        clip_id = secrets.token_hex(8)
        path, masks = self._paths(clip_id)
        try:
            self._shelf.check_room()
            cut = cut_clip(parts, from_ms, to_ms, path, masks, stream, exact=exact)
            size = path.stat().st_size
        except OSError as error:
            self._unlink(clip_id)
            raise ArchiveError(f"{stream}: the clip cannot be written: {error.strerror or error}") from error
        except ArchiveError:
            self._unlink(clip_id)
            raise
        clip = Clip(
            clip_id,
            stream,
            film,
            from_ms,
            to_ms,
            cut.start_ms,
            cut.end_ms,
            cut.duration_ms,
            size,
            exact,
            recording_name(stream, cut.start_ms),
            tuple(cut.left_out),
        )
        with self._lock:
            self._clips[clip_id] = (clip, self._clock.wall_ns() // NS_PER_MS)
        self.tidy()
        return clip

    def _paths(self, clip_id: str) -> tuple[Path, Path]:
        return self._folder / f"{clip_id}.mp4", self._folder / f"{clip_id}.masks.jsonl"

    def _unlink(self, clip_id: str) -> None:
        for path in self._paths(clip_id):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _check_times(from_ms: int, to_ms: int, *, exact: bool) -> None:
    longest_ms = MAX_EXACT_MS if exact else MAX_CLIP_MS
    if not from_ms < to_ms:
        raise PromptError(f"to_ms is {to_ms}, expected more than from_ms, {from_ms}")
    if to_ms - from_ms > longest_ms:
        how = "exact clip" if exact else "clip"
        seconds = (to_ms - from_ms) / 1000
        raise PromptError(f"the {how} is {seconds:g} s long, expected at most {longest_ms // 1000} s")
