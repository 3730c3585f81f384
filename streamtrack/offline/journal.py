"""What a film's run has seen so far, on disk, so that a run which was killed goes on.

`OUT/.streamtrack-resume/` holds what was asked (`asked.json`), what the passes saw of each frame (`seen.bin`,
a kilobyte or two a frame and object), and now and then what each pass remembers. With it a run that goes on
needs the network from the last kept memory on alone; everything before is written as it was seen. The folder
goes when the run comes to its end.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamtrack.errors import PublishError
from streamtrack.offline.whole_writes import part_of, write_all, write_file
from streamtrack.tracking.film_seen import Seen, pack, unpack

FOLDER = ".streamtrack-resume"
ASKED, SEEN = "asked.json", "seen.bin"
MEMORY = ("memory-forward.bin", "memory-backward.bin")

_HEAD = struct.Struct("<qBII")
_PLACE = struct.Struct("<q")


class Journal:
    """The `SeenStore` of a run that can be gone on with."""

    def __init__(self, out: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
        """Begin one, or go on with the one that is there.

        Args:
            asked: all that decides what the run writes, as JSON has it.
            resume: go on with the one that is there.
        Raises:
            PublishError: the disk refuses.
        """
        self._out, self._folder = out, out / FOLDER
        self._file = -1
        self._end = 0
        self._places: tuple[array[int], array[int]] = (array("q"), array("q"))
        if not resume:
            self._begin(asked)
        try:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
            self._file = os.open(self._folder / SEEN, flags, 0o666)
            self._read_places()
        except OSError as error:
            raise self._error(error) from error

    @property
    def num_frames(self) -> int:
        """Frames of both passes that are kept."""
        return sum(sum(1 for place in places if place >= 0) for places in self._places)

    # -- what a run keeps --------------------------------------------------------------------------

    def put(self, position: int, seen: Mapping[int, Seen], *, reverse: bool) -> None:
        """See `SeenStore.put`."""
        data = pack(seen)
        head = _HEAD.pack(position, reverse, len(data), zlib.crc32(data))
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            write_all(self._file, head + data)
        except OSError as error:
            raise self._error(error) from error
        self._note(position, self._end, reverse=reverse)
        self._end += len(head) + len(data)

    def has(self, position: int, *, reverse: bool) -> bool:
        """See `SeenStore.has`."""
        places = self._places[reverse]
        return position < len(places) and places[position] >= 0

    def get(self, position: int, *, reverse: bool) -> Mapping[int, Seen] | None:
        """See `SeenStore.get`."""
        if not self.has(position, reverse=reverse):
            return None
        os.lseek(self._file, self._places[reverse][position], os.SEEK_SET)
        _, _, size, _ = _HEAD.unpack(os.read(self._file, _HEAD.size))
        return unpack(_read(self._file, size))

    def save_memory(self, position: int, memory: Callable[[], bytes], *, reverse: bool) -> None:
        """See `SeenStore.save_memory`."""
        try:
            write_file(self._folder / MEMORY[reverse], _PLACE.pack(position) + memory())
        except OSError as error:
            raise self._error(error) from error

    def saved_memory(self, *, reverse: bool) -> tuple[int, bytes] | None:
        """See `SeenStore.saved_memory`."""
        try:
            data = (self._folder / MEMORY[reverse]).read_bytes()
        except OSError:
            return None
        return (_PLACE.unpack_from(data)[0], data[_PLACE.size :]) if len(data) > _PLACE.size else None

    # -- its end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Leave it for a run that goes on. May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self, asked: Mapping[str, Any]) -> None:
        remove_journal(self._out)
        try:
            self._folder.mkdir(parents=True)
            write_file(self._folder / ASKED, _json(asked).encode())
        except OSError as error:
            raise self._error(error) from error

    def _read_places(self) -> None:
        """Find the records; what a kill cut short at the end is forgotten."""
        size = os.fstat(self._file).st_size
        while self._end + _HEAD.size <= size:
            os.lseek(self._file, self._end, os.SEEK_SET)
            position, reverse, length, checksum = _HEAD.unpack(_read(self._file, _HEAD.size))
            data = _read(self._file, length) if self._end + _HEAD.size + length <= size else b""
            if len(data) != length or zlib.crc32(data) != checksum or position < 0 or reverse > 1:
                break
            self._note(position, self._end, reverse=bool(reverse))
            self._end += _HEAD.size + length
        os.ftruncate(self._file, self._end)

    def _note(self, position: int, place: int, *, reverse: bool) -> None:
        places = self._places[reverse]
        if position >= len(places):
            places.extend(-1 for _ in range(position + 1 - len(places)))
        places[position] = place

    def _error(self, error: OSError) -> PublishError:
        return PublishError(f"--out {self._out}: {FOLDER} cannot be written: {error.strerror}")


class Journals:
    """The journal of one run: made when the run begins, gone when it came to its end."""

    def __init__(self, out: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
        """Touch nothing yet; arguments as for `Journal`.

        Raises:
            PublishError: what is there was asked otherwise.
        """
        self._out, self._asked, self._resume = out, asked, resume
        self._journal: Journal | None = None
        if resume:
            refuse_other(out, asked)

    def open(self) -> Journal:
        """The journal.

        Raises:
            PublishError: the disk refuses.
        """
        self._journal = Journal(self._out, self._asked, resume=self._resume)
        return self._journal

    def remove(self) -> None:
        """The run came to its end: nothing is left to go on with."""
        if self._journal is not None:
            self._journal.close()
        remove_journal(self._out)


def holds_journal(out: Path) -> bool:
    """Whether a run was broken off in a folder."""
    return (out / FOLDER / ASKED).is_file()


def refuse_other(out: Path, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a run of which something else was asked.

    Raises:
        PublishError: arguments, source or weights differ; the first that does is named.
    """
    try:
        before = json.loads((out / FOLDER / ASKED).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PublishError(
            f"--resume: {out / FOLDER / ASKED} cannot be read, expected --overwrite to start anew"
        ) from error
    difference = _first_difference(before, json.loads(_json(asked)))
    if difference is not None:
        key, was, now = difference
        raise PublishError(
            f"--resume: the run in {out} was broken off with another {key} ({_short(was)}, "
            f"now {_short(now)}), expected the same, or --overwrite to start anew"
        )


def _first_difference(before: Any, now: Any, key: str = "run") -> tuple[str, Any, Any] | None:
    """Where two values first differ: the key, and both."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return None if before == now else (key, before, now)
    outer = "" if key == "run" else f"{key} "
    found = (
        _first_difference(before.get(name), now.get(name), f"{outer}{name}")
        for name in dict.fromkeys((*now, *before))
    )
    return next((one for one in found if one is not None), None)


def remove_journal(out: Path) -> None:
    """Remove what a run left to be gone on with, and nothing else."""
    folder = out / FOLDER
    if folder.is_symlink() or not folder.is_dir():
        return
    for name in (ASKED, SEEN, *MEMORY):
        for path in (folder / name, part_of(folder / name)):
            path.unlink(missing_ok=True)
    _remove_folder(folder)


def _remove_folder(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # something of others is in it


def _read(file: int, size: int) -> bytes:
    parts = []
    while size and (part := os.read(file, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, indent=1)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
