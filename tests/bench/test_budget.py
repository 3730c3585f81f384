"""What a budget a frame brings and costs, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import bench_budget
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_has_few_all_and_all_with_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_budget, tmp_path, monkeypatch)
    titles = [row["title"] for row in result["rows"]]
    assert titles == ["4 objects", "6 objects", "6 objects, 4 a frame"]
    assert [bool(row["longest"]) for row in result["rows"]] == [False, False, True]
    assert all(len(row["seconds"]) == 5 for row in result["rows"])
    assert "| 6 objects, 4 a frame |" in table


def row(title: str, seconds: float, both: float) -> dict[str, Any]:
    return {
        "title": title,
        "seconds": [9.0] * 4 + [seconds] * 3,
        "region": both,
        "boundary": both,
        "longest": 0,
    }


def test_the_table_is_made_of_the_samples() -> None:
    machine = {"gpu": None, "processor": "p", "threads": 1, "packages": {"torch": "2"}, "commit": "c"}
    table = bench_budget.render(
        {
            "machine": machine,
            "model": "nano",
            "image_size": 256,
            "compiled": "compiled",
            "window": "auto",
            "max_carried_frames": 8,
            "frames": 7,
            "scene": "crowd",
            "rows": [row("4 objects", 0.1, 95), row("32 objects", 0.8, 94), row("budget", 0.16, 93)],
        }
    )
    assert "| 4 objects | 10.0 | 100% | 95.0 |  |" in table
    assert "| 32 objects | 1.2 | 12% | 94.0 | +0.0 |" in table
    assert "| budget | 6.2 | 62% | 93.0 | +1.0 |" in table


def test_counts_are_numbers() -> None:
    assert bench_budget.parse_counts("4,6") == [4, 6]
    with pytest.raises(ValueError, match="expected numbers of at least 1"):
        bench_budget.parse_counts("4,0")
    with pytest.raises(ValueError, match="--per-step is 'x', expected numbers"):
        bench_budget.parse_counts("x")
