"""What viewers cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_viewers
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_counts_encoder_and_what_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, table = run(bench_viewers, tmp_path, monkeypatch)
    assert list(result["rounds"]) == ["1", "2"]
    assert all(one["encoder_ms_a_picture"] > 0 for kept in result["rounds"].values() for one in kept)
    assert len(result["counts"]) == 5
    assert result["viewers_left"] == 0
    assert "Encoder with the most viewers over one viewer: " in table
