"""The file that FFmpeg writes to, whole to its last picture, whatever the disk does."""

from __future__ import annotations

import os
from pathlib import Path

from streamtrack.offline.whole_writes import write_all


class Sink:
    """The file that FFmpeg writes to. After its first error nothing more reaches the disk, and what was only
    half written is cut off: FFmpeg's own way to end a file would overwrite its head."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        self.error: OSError | None = None
        self.size = 0
        """Bytes up to the last whole picture."""

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                write_all(self._file, data)
            except OSError as error:
                self.error = error
                os.ftruncate(self._file, self.size)
        return len(data)

    def read(self, count: int) -> bytes:
        return os.read(self._file, count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._file, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._file, 0, os.SEEK_CUR)

    def stop(self) -> None:
        """Let nothing more through, after an error that is not the file's."""
        self.error = self.error or OSError(0, "ended by an earlier error")

    def keep(self) -> None:
        """What was written so far is whole."""
        self.size = os.fstat(self._file).st_size

    def close(self) -> None:
        """May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
