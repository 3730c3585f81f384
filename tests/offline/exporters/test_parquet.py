"""Typed tables, read back by pyarrow."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from streamtrack.errors import PublishError
from streamtrack.offline.exporters import find_exporters
from tests.support.disk import small_disk
from tests.support.exports import BALL, GONE, export, run_for
from tests.support.recordings import update


def test_parquet_has_the_rows_of_the_csv_typed(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    updates = (update(0, objects=[BALL, GONE]), update(4, objects=[BALL]), update(5))
    export("parquet", tmp_path / "a", *updates)
    export("objects", tmp_path / "b", *updates)
    rows = parquet.read_table(tmp_path / "a" / "objects.parquet").to_pylist()
    with (tmp_path / "b" / "objects.csv").open(encoding="utf-8", newline="") as table:
        written = list(csv.DictReader(table))
    as_text = [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]
    assert as_text == written
    assert (rows[1]["state"], rows[1]["centroid_x_px"], rows[1]["area_px"]) == ("occluded", None, 0)
    assert [path.name for path in (tmp_path / "a").iterdir() if path.suffix == ".part"] == []


def test_parquet_without_pyarrow_is_one_line_that_names_the_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run = run_for(tmp_path)
    with pytest.raises(PublishError, match=r"pip install 'streamtrack\[parquet\]'$"):
        find_exporters()["parquet"].check(run)
    run.folder.close()


def test_full_disk_leaves_a_table_of_the_rows_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("streamtrack.offline.exporters.parquet.ROWS_A_GROUP", 20)
    run = run_for(tmp_path)
    exporter = find_exporters()["parquet"](run)
    with small_disk(tmp_path, monkeypatch, room=30_000):
        with pytest.raises(OSError, match="No space left"):  # noqa: PT012
            for index in range(5000):
                exporter.take(update(index, objects=[BALL, GONE]))
        with pytest.raises(OSError, match="No space left"):
            exporter.close()
    run.folder.close()
    rows = parquet.read_table(tmp_path / "objects.parquet").to_pylist()
    assert len(rows) > 20
    assert [row["frame_idx"] for row in rows[::2]] == list(range(len(rows) // 2))
