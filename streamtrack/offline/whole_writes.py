"""Files that hold whole lines and whole pictures only, whatever ends the run: a full disk, a kill."""

from __future__ import annotations

import os
from pathlib import Path


class LineFile:
    """A new text file. Every line is with the system before `append` returns, so that a killed process loses
    none; a line that the disk had no room for is taken back."""

    def __init__(self, path: Path, *, goes_on: bool = False) -> None:
        """Make the file.

        Args:
            goes_on: append to one that is there.
        Raises:
            FileExistsError: it exists, or is a link. OSError: the disk refuses.
        """
        self.path = path
        makes = 0 if goes_on else os.O_CREAT | os.O_EXCL
        self._file = os.open(path, os.O_WRONLY | makes | getattr(os, "O_BINARY", 0), 0o666)
        self._size = os.lseek(self._file, 0, os.SEEK_END)

    def append(self, text: str) -> None:
        """Write whole lines.

        Raises:
            OSError: the disk is full or gone; the file then ends with the line before.
        """
        data = text.encode("utf-8", "backslashreplace")  # names of files may hold any bytes
        try:
            write_all(self._file, data)
        except OSError:
            self.cut(self._size)
            raise
        self._size += len(data)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    def cut(self, size: int) -> None:
        """Take back what lies beyond a size."""
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)
        self._size = size

    def close(self) -> None:
        """May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def write_file(path: Path, data: bytes) -> None:
    """Make a file that is whole or not there at all.

    Raises:
        OSError: the disk is full or gone.
    """
    part = part_of(path)
    try:
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            write_all(file, data)
        finally:
            os.close(file)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def part_of(path: Path) -> Path:
    """Where a file stands while it is not whole; a killed process leaves it."""
    return path.with_name(f".{path.name}.part")


def write_all(file: int, data: bytes | memoryview) -> None:
    """Write every byte to a file descriptor: the system may take only some at a time.

    Raises:
        OSError: the disk is full or gone.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
