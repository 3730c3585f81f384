"""A disk with little room, which a removed file gives back."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> Iterator[None]:
    """What is written through `whole_writes` finds so many bytes free for files in a folder."""
    real_write = os.write
    before = _used(folder)

    def write(file: int, data: bytes | memoryview) -> int:
        count = min(len(data), room - (_used(folder) - before))
        if count <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(file, bytes(data[:count]))

    with monkeypatch.context() as patched:
        patched.setattr("streamtrack.offline.whole_writes.os.write", write)
        yield


def _used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
