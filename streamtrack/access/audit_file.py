"""The audit log's files: JSON lines, for their owner alone, the newest in `audit.jsonl`, older ones in
`audit.jsonl.1` and so on, together never over a bound."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

FILE = "audit.jsonl"
"""Its name in a state folder."""
MAX_FILE_BYTES = 4 << 20
MAX_FILES = 8
LOCK_TIMEOUT_S = 5.0


class AuditFile:
    """Lines on disk. Several processes may append: the server, and the command that makes keys."""

    def __init__(self, path: Path, max_file_bytes: int = MAX_FILE_BYTES, max_files: int = MAX_FILES) -> None:
        self.path = path
        self._max_file_bytes, self._max_files = max_file_bytes, max_files

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines, each ending in a newline, whole or not at all.

        Raises:
            OSError: the disk is full or gone. filelock.Timeout: another process keeps the file.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.path.with_name(self.path.name + ".lock"), mode=0o600).acquire(LOCK_TIMEOUT_S):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(handle).st_size
                # A process that was killed may have left half a line, which would take ours with it.
                cut = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
                _write_whole(handle, b"\n" * cut + b"".join(lines), size)
            finally:
                os.close(handle)
            if size > self._max_file_bytes:
                self._rotate()

    def newest_first(self) -> Iterator[bytes]:
        """Every line without its newline, also of the older files."""
        for path in self._paths():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # the newest was just put aside, or there are no older ones
            yield from (line for line in reversed(data.split(b"\n")) if line)

    def _paths(self) -> Iterator[Path]:
        yield self.path
        for age in range(1, self._max_files):
            yield self.path.with_name(f"{self.path.name}.{age}")

    def _rotate(self) -> None:
        paths = list(self._paths())
        for younger, older in reversed(list(itertools.pairwise(paths))):
            with contextlib.suppress(FileNotFoundError):
                os.replace(younger, older)


def _write_whole(handle: int, data: bytes, size: int) -> None:
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, size)
        raise
