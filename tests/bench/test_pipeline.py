"""The live path, watched by a real viewer and a real subscriber in another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_pipeline
from tests.support.bench import run


@pytest.mark.whole_bench
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
    assert 0 < bench_pipeline.around_ms(case) < sum(bench_pipeline.cpu_ms(case).values())
    assert "| 1 | 1 |" in table
    assert "| 1 | 1 |" in bench_pipeline.headline(result)


def test_frames_that_are_decoded_and_dropped_do_not_count_against_those_tracked() -> None:
    case = {
        "step_cpu_ns": [5_000_000] * 10,
        "dropped": {"superseded": 30},
        "cpu_s": {"ingest": 0.08, "track": 0.06, "video": 0.02},
    }
    assert bench_pipeline.cpu_ms(case) == pytest.approx({"ingest": 2.0, "track": 6.0, "video": 2.0})
    assert bench_pipeline.around_ms(case) == pytest.approx(5.0)
