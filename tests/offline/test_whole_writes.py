"""Whole lines and whole files, on a disk that fills."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from streamtrack.offline.whole_writes import LineFile, part_of, write_file


class FullDisk:
    """`os.write` on a disk with so many bytes left, and in pieces of ten bytes at most."""

    def __init__(self, bytes_left: int) -> None:
        self._bytes_left = bytes_left
        self._write = os.write

    def __call__(self, file: int, data: bytes | memoryview) -> int:
        if self._bytes_left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = min(self._bytes_left, 10, len(data))
        self._bytes_left -= count
        return self._write(file, data[:count])


def test_line_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a.csv")
    lines.append("one\n")
    assert (tmp_path / "a.csv").read_text() == "one\n"
    lines.append("zwei, drei … vier und noch viel mehr\n")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[1].endswith("mehr")
    lines.close()
    lines.close()


def test_full_disk_keeps_the_lines_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LineFile(tmp_path / "a.csv")
    monkeypatch.setattr("streamtrack.offline.whole_writes.os.write", FullDisk(25))
    lines.append("a whole line\n")
    with pytest.raises(OSError, match="No space left"):
        lines.append("a line for which there is no room\n")
    assert (tmp_path / "a.csv").read_text() == "a whole line\n"


def test_existing_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("dear")
    with pytest.raises(FileExistsError):
        LineFile(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "dear"


def test_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "a.png", b"whole")
    monkeypatch.setattr("streamtrack.offline.whole_writes.os.write", FullDisk(3))
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path / "b.png", b"too long")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert part_of(tmp_path / "b.png").name == ".b.png.part"
