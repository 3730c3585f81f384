"""Archives that the standard library and numpy read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from streamtrack.offline.zip_file import ZipArchive
from tests.support.disk import small_disk

ENTRIES = {f"entry_{index}.npy": bytes([index % 251]) * (index * 37) for index in range(200)}


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_entries_are_read_back(tmp_path: Path) -> None:
    archive = ZipArchive(tmp_path / "a.zip")
    for name, data in ENTRIES.items():
        archive.append(name, data)
    archive.close()
    assert read(tmp_path / "a.zip") == ENTRIES
    ZipArchive(tmp_path / "empty.zip").close()
    assert read(tmp_path / "empty.zip") == {}


def test_archive_of_more_than_four_gigabytes_is_read_back(tmp_path: Path) -> None:
    archive = ZipArchive(tmp_path / "a.zip")
    archive.append("near", b"1")
    hole = 5 << 30  # nothing of it is on the disk
    os.lseek(archive._file, hole, os.SEEK_SET)
    archive._offset = hole
    archive.append("far", b"2")
    archive.close()
    assert read(tmp_path / "a.zip") == {"near": b"1", "far": b"2"}


def test_full_disk_leaves_an_archive_of_the_entries_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = ZipArchive(tmp_path / "a.zip")
    with small_disk(tmp_path, monkeypatch, room=5_000):
        with pytest.raises(OSError, match="No space left"):  # noqa: PT012
            for name, data in ENTRIES.items():
                archive.append(name, data)
        with pytest.raises(OSError, match="No space left"):
            archive.close()
    whole = read(tmp_path / "a.zip")
    assert 10 < len(whole) < len(ENTRIES)
    assert whole.items() <= ENTRIES.items()
