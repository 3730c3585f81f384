"""Resident memory over a film, contender by contender."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_film_memory
from streamtrack.offline.film import open_film
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_follows_a_film_with_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, shown = run(bench_film_memory, tmp_path, monkeypatch)
    assert [one["contender"] for one in result["runs"]] == list(bench_film_memory.CONTENDERS)
    assert all(len(one["resident"]) == 3 for one in result["runs"])
    assert "| streamtrack.compat.sam2 | 8 |" in shown


def test_the_film_is_as_long_as_it_should_be(tmp_path: Path) -> None:
    bench_film_memory.write_film(tmp_path / "film.mp4", 5)
    assert open_film(tmp_path / "film.mp4").num_frames == 5


def test_growth_is_told_per_1000_frames() -> None:
    runs = [
        {"contender": "sam2", "frames": 1200, "resident": [0, 2**20, 10 * 2**20]},
        {"contender": "transformers", "frames": 6000, "refused": "too large"},
    ]
    machine = {"gpu": None, "processor": "p", "threads": 1, "packages": {"torch": "2"}, "commit": "c"}
    shown = bench_film_memory.render({"machine": machine, "side": 256, "objects": 2, "runs": runs})
    assert "| sam2 SAM2VideoPredictor | 1200 | 0 MiB | 1 MiB | 10 MiB | +10.0 MiB |" in shown
    assert "| transformers Sam2VideoModel | 6000 |  |  |  | not run: too large |" in shown
