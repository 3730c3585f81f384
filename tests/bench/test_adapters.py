"""Old calls beside the originals, in turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_adapters
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_takes_turns_and_compares_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, shown = run(bench_adapters, tmp_path, monkeypatch)
    (case,) = result["cases"]
    assert {len(values) for values in case["seconds"].values()} == {bench_adapters.TURN}
    assert min(case["mask_ious"].values()) > 0.99
    assert "x sam2 |" in shown


def test_speed_is_told_against_each_ones_original() -> None:
    seconds = {"sam2": 0.04, "transformers": 0.06, "session": 0.01, "compat.sam2": 0.02}
    case = {
        "case": ("nano", 256, 1),
        "compiled": False,
        "seconds": {what: [seconds.get(what, 0.02)] * 3 for what in bench_adapters.TITLES},
        "processor_seconds": {what: [seconds.get(what, 0.02)] * 3 for what in bench_adapters.TITLES},
        "mask_ious": {"compat.sam2": 1.0, "compat.transformers": 1.0},
    }
    machine = {"gpu": None, "processor": "p", "threads": 1, "packages": {"torch": "2"}, "commit": "c"}
    shown = bench_adapters.render({"machine": machine, "cases": [case]})
    assert "| streamtrack.compat.sam2 | 20 ms | 2.00 x sam2 | 20 ms | 2.00 x | 1.0000 |" in shown
    assert (
        "| streamtrack.compat.transformers | 20 ms | 3.00 x transformers | 20 ms | 3.00 x | 1.0000 |" in shown
    )
    assert "| a session | 10 ms | 4.00 x sam2 | 10 ms | 4.00 x |  |" in shown
