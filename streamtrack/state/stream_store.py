"""One stream's part of the state folder: a document, and a file for each object's memory beside it.

A memory is written under a name that nothing names yet; then the document that names it takes the place of
the one before; then what nothing names any more is taken away. Whenever the process or the machine dies,
there is a document, and whatever it names is there.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streamtrack.state.documents import KeptMemory, StreamDocument, decode, encode
from streamtrack.state.folder import (
    FOLDER_MODE,
    StateError,
    StateFolder,
    put_aside,
    reason_of,
    remove,
)
from streamtrack.whole_file import sync_folder, write_whole

STREAMS, DOCUMENT, MARK, TRIES = "streams", "state.json", "ids", "tries"
MAX_TRIES = 3
"""Starts in a row that ended within the first frame: then the objects are left alone."""

_MARK = struct.Struct("<4sQI")
_MAGIC = b"STID"


@dataclass(frozen=True, slots=True)
class Found:
    """What lay there of a stream when the server started."""

    document: StreamDocument | None
    """None: nothing, or nothing that can be used."""
    highest_id: int
    """No object got a higher id before."""


class StreamStore:
    """Reads and writes one stream's state. One thread at a time."""

    def __init__(self, folder: StateFolder, stream: str) -> None:
        """Nothing is touched yet."""
        self._folder = folder
        self.stream = stream
        self.path = folder.path / STREAMS / stream
        self._held: dict[int, KeptMemory] = {}
        """The memories that the document on the disk names."""
        self._serial = 0
        self._marked = 0

    def read(self) -> Found:
        """What the process before left. What cannot be used is put aside and told in one line.

        Raises:
            StateError: it can neither be read nor be put aside.
        """
        marked = self._read_mark()
        document: StreamDocument | None = None
        try:
            document = decode((self.path / DOCUMENT).read_bytes(), StreamDocument)
            if document.stream != self.stream:
                document = None
                raise StateError(f"is another stream's, expected that of {self.stream}")
        except FileNotFoundError:
            pass
        except StateError as error:
            self.give_up(str(error))
        except OSError as error:
            self.give_up(f"cannot be read: {reason_of(error)}")
        if document is not None:
            self._note_held(document)
        highest = max(marked, 0 if document is None else document.highest_id)
        return Found(document, highest)

    def memory(self, kept: KeptMemory) -> bytes:
        """An object's memory.

        Raises:
            StateError: it is not there, or not what was written; it is put aside then.
        """
        path = self.path / kept.file
        try:
            with path.open("rb") as file:
                data = file.read(kept.num_bytes + 1)
        except OSError as error:
            raise StateError(f"its memory cannot be read: {reason_of(error)}") from None
        if len(data) != kept.num_bytes or zlib.crc32(data) != kept.crc32:
            with contextlib.suppress(OSError):
                put_aside(path, self._folder, "is damaged")
            raise StateError("its memory is damaged")
        return data

    def write(self, document: StreamDocument, memories: Mapping[int, bytes]) -> None:
        """Put this in the place of what is there.

        Args:
            document: of its objects only those with a memory that is there or among `memories` get one.
            memories: new ones, by object id.
        Raises:
            OSError: it cannot be written; what was there is there.
        """
        self._make_folder()
        held = dict(self._held)
        written: list[Path] = []
        try:
            for object_id, data in memories.items():
                held[object_id], path = self._write_memory(object_id, data)
                written.append(path)
            if written:
                sync_folder(self.path)
            objects = [
                msgspec.structs.replace(one, memory=held.get(one.object_id)) for one in document.objects
            ]
            write_whole(self.path / DOCUMENT, encode(msgspec.structs.replace(document, objects=objects)))
        except OSError:
            for path in written:
                remove(path)
            raise
        known = {one.object_id for one in document.objects}
        self._held = {object_id: one for object_id, one in held.items() if object_id in known}
        self._tidy()
        with contextlib.suppress(FileNotFoundError):
            (self.path / TRIES).unlink()

    def mark(self, highest_id: int) -> None:
        """Note that an id was given: at once, so that a process that dies now does not give it again.

        Raises:
            OSError: it cannot be written.
        """
        if highest_id <= self._marked:
            return
        self._make_folder()
        handle = os.open(self.path / MARK, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # Sixteen bytes of one sector: they are the old ones or the new ones.
            packed = _MARK.pack(_MAGIC, highest_id, zlib.crc32(highest_id.to_bytes(8, "little")))
            os.pwrite(handle, packed, 0)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._marked = highest_id

    def try_once_more(self) -> bool:
        """Count a start that goes on with objects; False where MAX_TRIES ended before one was written."""
        try:
            tries = int((self.path / TRIES).read_bytes()[:4] or b"0")
        except (OSError, ValueError):
            tries = 0
        if tries >= MAX_TRIES:
            return False
        with contextlib.suppress(OSError):
            # Not synced: it is the process that may die of this, not the machine.
            (self.path / TRIES).write_bytes(b"%d" % (tries + 1))
            (self.path / TRIES).chmod(0o600)
        return True

    def give_up(self, why: str) -> None:
        """Put everything aside.

        Raises:
            StateError: it cannot be.
        """
        self._held = {}
        try:
            put_aside(self.path, self._folder, why)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateError(
                f"{self.path} {why}, and cannot be put aside: {reason_of(error)}; expected another folder"
            ) from error
        self._marked = 0

    def forget(self) -> None:
        """The stream was removed."""
        self._held, self._marked = {}, 0
        remove(self.path)

    # -- parts -----------------------------------------------------------------------------------------

    def _make_folder(self) -> None:
        for folder in (self.path.parent, self.path):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def _write_memory(self, object_id: int, data: bytes) -> tuple[KeptMemory, Path]:
        self._serial += 1
        path = self.path / f"{object_id}-{self._serial}.memory"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return KeptMemory(path.name, len(data), zlib.crc32(data)), path

    def _note_held(self, document: StreamDocument) -> None:
        self._held = {one.object_id: one.memory for one in document.objects if one.memory is not None}
        self._serial = max((int(one.file[:-7].split("-")[1]) for one in self._held.values()), default=0)
        self._tidy()

    def _tidy(self) -> None:
        """Take away what no document names: what it named before, and what a process left that died while it
        wrote."""
        named = {one.file for one in self._held.values()} | {DOCUMENT, MARK, TRIES}
        with contextlib.suppress(OSError):
            for entry in self.path.iterdir():
                if entry.name not in named:
                    remove(entry)

    def _read_mark(self) -> int:
        try:
            magic, highest, crc32 = _MARK.unpack((self.path / MARK).read_bytes())
        except (OSError, struct.error):
            return 0
        if magic != _MAGIC or crc32 != zlib.crc32(highest.to_bytes(8, "little")) or highest >= 1 << 31:
            return 0
        self._marked = highest
        return int(highest)
