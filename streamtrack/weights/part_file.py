"""A file on its way to this disk: its unfinished part, its lock, its digest, the step into place."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Protocol

import filelock

from streamtrack.errors import CheckpointError

OnProgress = Callable[[int, int], None]
"""Bytes present, bytes in all."""

_CHUNK_BYTES = 1 << 18
_DISK_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})  # Windows knows no quota error


class Digest(Protocol):
    """What hashlib's objects share."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def hexdigest(self) -> str:
        """Lower-case hex of all bytes so far."""
        ...


def check_file(path: Path, num_bytes: int, sha256: str) -> None:
    """Compare a file's size and sha256.

    Raises:
        CheckpointError: unreadable or different; names the path, what was found and what was expected.
    """
    try:
        found_bytes = path.stat().st_size
        if found_bytes != num_bytes:
            raise CheckpointError(f"{path}: {found_bytes} bytes, expected {num_bytes}")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    if found != sha256:
        raise CheckpointError(f"{path}: sha256 is {found}, expected {sha256}")


class PartFile:
    """The unfinished file beside its target, and a note of which server's version it holds."""

    def __init__(self, target: Path, num_bytes: int) -> None:
        self.target = target
        self.num_bytes = num_bytes
        """Length of the whole file."""
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")

    def present_bytes(self) -> int:
        """Length of what is there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def remember(self, url: str, etag: str | None) -> None:
        """Note whose bytes these are; without the note a changed file shows only when its digest is wrong."""
        with contextlib.suppress(OSError):
            self._note.write_text(json.dumps({"url": url, "etag": etag}), encoding="utf-8")

    def etag_from(self, url: str) -> str | None:
        """The version that this server said it sent, where these bytes came from it."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["etag"]) if note["url"] == url and note["etag"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextlib.contextmanager
    def open(self) -> Iterator[FileIO]:
        """Unbuffered, so that a full disk speaks at the write; on disk when the block ends well."""
        with open(self.path, "ab+", buffering=0) as file:
            yield file
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Forget everything that arrived."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def put_in_place(self) -> None:
        """Make the finished part the file, in one step, also across a power cut."""
        os.replace(self.path, self.target)
        self._note.unlink(missing_ok=True)
        if os.name == "posix":
            folder = os.open(self.target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextlib.contextmanager
    def lock(self, on_progress: OnProgress, stall_s: float) -> Iterator[None]:
        """Keep other processes from writing; while another one does, show its progress.

        Raises:
            CheckpointError: the other one has not moved for `stall_s`.
        """
        lock = filelock.FileLock(self.target.with_name(self.target.name + ".lock"))
        seen_bytes, seen_at = -1, time.monotonic()
        while True:
            try:
                lock.acquire(timeout=0.25)
                break
            except filelock.Timeout:
                present = self.present_bytes()
                if present != seen_bytes:
                    seen_bytes, seen_at = present, time.monotonic()
                    on_progress(min(present, self.num_bytes), self.num_bytes)
                elif time.monotonic() - seen_at > stall_s:
                    raise CheckpointError(
                        f"{lock.lock_file}: held by another process whose download has stood still for"
                        f" {stall_s:g} s, expected it to move: end that process, then try again"
                    ) from None
        try:
            yield
        finally:
            lock.release()

    def check_room(self) -> None:
        """Raise CheckpointError where the disk has no room for the rest."""
        if self._free_bytes() < self._missing_bytes():
            raise CheckpointError(self._disk_full())

    def describe(self, error: OSError) -> str:
        """A failed write as one line."""
        if error.errno in _DISK_FULL:
            return self._disk_full()
        return f"{self.target}: cannot be written: {error.strerror or error}"

    def _free_bytes(self) -> int:
        there = next(folder for folder in self.target.absolute().parents if folder.is_dir())
        return shutil.disk_usage(there).free

    def _missing_bytes(self) -> int:
        return self.num_bytes - min(self.present_bytes(), self.num_bytes)

    def _disk_full(self) -> str:
        free = self._free_bytes()
        return (
            f"{self.target.parent}: disk full, {self._missing_bytes() / 2**20:.1f} MiB to go and"
            f" {free / 2**20:.1f} MiB free: make room, or name another folder in STREAMTRACK_CHECKPOINTS"
        )


def digest_of(file: FileIO, limit_bytes: int) -> tuple[Digest, int]:
    """Digest and length of what is there; emptied first where it is longer than the whole file can be."""
    size = file.seek(0, os.SEEK_END)
    if size > limit_bytes:
        size = file.truncate(0)
    file.seek(0)
    digest, length = hashlib.sha256(), 0
    while length < size and (chunk := file.read(min(_CHUNK_BYTES, size - length))):
        digest.update(chunk)
        length += len(chunk)
    return digest, length


def write_all(file: FileIO, data: bytes) -> None:
    """Every byte: an unbuffered file may take less at once."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
