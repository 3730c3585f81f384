"""From a fresh process to the first mask."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_startup
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_tells_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_startup, tmp_path, monkeypatch, "--device", "cpu")
    warm, graph = result["rows"]
    assert warm["cache"] == "warm"
    (parts,) = warm["runs"]
    assert tuple(parts) == bench_startup.PARTS
    assert all(seconds > 0 for seconds in parts.values())
    # Half a second to load torch, on any machine: a child that skips it would not be fresh.
    assert sum(parts.values()) > parts["import torch"] > 0.2
    assert graph["refused"] == "CUDA only"
    assert "| nano | graph | not run: CUDA only |" in table
    assert next(iter(result["import_seconds"])) == "torch"


def test_cold_files_need_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_startup, "DROP_CACHES", tmp_path / "no" / "drop_caches")
    with pytest.raises(SystemExit):
        bench_startup.drop_file_cache()
    assert "cannot be written: No such file or directory, expected root on Linux" in capsys.readouterr().err
