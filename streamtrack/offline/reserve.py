"""A file whose end still fits on a disk that is full: room for it is kept from the start."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from streamtrack.offline.whole_writes import write_all

RESERVE_BYTES = 1 << 20
"""More than a group of rows and a footer take."""


class ReservedFile:
    """What writes to it never notices a full disk; whoever feeds that asks `raise_where_full` after each
    piece, and then ends the file, for which there is room."""

    def __init__(self, path: Path, reserve: Path) -> None:
        """Make both files.

        Raises:
            OSError: the disk refuses.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._reserve = reserve
        self._file = os.open(path, flags, 0o666)
        self._size = 0
        self._full: OSError | None = None
        self.closed = False
        kept = os.open(reserve, flags, 0o666)
        try:
            write_all(kept, bytes(RESERVE_BYTES))
        finally:
            os.close(kept)

    def write(self, data: bytes) -> int:
        """Append."""
        view = memoryview(data).cast("B")
        try:
            write_all(self._file, view)
        except OSError as error:
            if error.errno != errno.ENOSPC or self._full is not None:
                raise
            self._full = error
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            self._reserve.unlink(missing_ok=True)
            write_all(self._file, view)
        self._size += len(view)
        return len(view)

    def raise_where_full(self) -> None:
        """Tell of a full disk, once.

        Raises:
            OSError: the reserve was needed since the start.
        """
        if self._full is not None:
            raise self._full

    def tell(self) -> int:
        """Bytes so far."""
        return self._size

    def flush(self) -> None:
        """Every byte is with the system already."""

    def close(self) -> None:
        """Give the rest of the reserve back. May be called again."""
        if not self.closed:
            self.closed = True
            os.close(self._file)
            self._reserve.unlink(missing_ok=True)

    @staticmethod
    def readable() -> bool:
        """No."""
        return False

    @staticmethod
    def writable() -> bool:
        """Yes."""
        return True

    @staticmethod
    def seekable() -> bool:
        """No."""
        return False
