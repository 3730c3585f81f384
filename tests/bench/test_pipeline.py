"""The live path, watched by a real viewer and a real subscriber in another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_pipeline
from tests.bench.bench_support import run


def test_quick_run_measures_latency_and_cpu_by_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, table = run(bench_pipeline, tmp_path, monkeypatch)
    (case,) = result["cases"]
    assert {"ingest", "track", "masks", "video", "MainThread", "native"} <= case["cpu_s"].keys()
    assert len(case["step_wall_ns"]) == len(case["step_cpu_ns"]) > 0
    for end in ("publish", "subscriber", "viewer"):
        assert case[f"capture_to_{end}_ms"]
        assert min(case[f"capture_to_{end}_ms"]) > 0
    # A step's own time is in the time to its masks.
    assert min(case["capture_to_publish_ms"]) > min(case["step_wall_ns"]) / 1e6
    for alone in ("alone_before", "alone_after"):
        assert len(case[alone]["paced_ns"]) == len(case[alone]["fast_ns"]) == 3
    assert "| 1 | 1 |" in table
    assert "| 1 | 1 |" in bench_pipeline.headline(result)
