"""What windows bring and cost, measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import bench_windows
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_has_masks_and_speed_with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, table = run(bench_windows, tmp_path, monkeypatch)
    assert set(result["masks"]) == set(result["small"]) == {"off", "auto", "2.0"}
    assert set(result["objects"]) == {"1", "2"}
    assert "| auto |" in table
    assert "| objects | FPS, off |" in table


def test_the_ball_is_small_and_crosses_the_picture() -> None:
    ball = bench_windows.SmallBall(2)
    first, second = (ball.truth(index)[0][1] for index in range(2))
    y, x = np.nonzero(first)
    assert max(np.ptp(x), np.ptp(y)) < bench_windows.BALL_PX
    assert np.nonzero(second)[1].mean() > x.mean()
    assert ball.frames()[0].shape == (1080, 1920, 3)


def test_a_window_is_a_word_or_a_number() -> None:
    assert [bench_windows.parse_window(text) for text in ("off", "auto", "2.5")] == ["off", "auto", 2.5]
    with pytest.raises(ValueError, match=r"--windows is 'wide', expected off, auto or 1\.1 to 16"):
        bench_windows.parse_window("wide")


def test_the_table_is_made_of_the_samples() -> None:
    rows = {"box": [{"region": 60.0}, {"region": 70.0}], "click": [{"region": 50.0}]}
    steps = {"region": [0.0, 0.5, 0.7], "seconds": [1.0, 1.0, 0.1, 0.2, 0.1]}
    machine = {"gpu": None, "processor": "one", "threads": 1, "packages": {"torch": "2"}, "commit": "c"}
    table = bench_windows.render(
        {
            "machine": machine,
            "model": "nano",
            "image_size": 256,
            "compiled": "compiled",
            "truth": "scenes",
            "masks": {"off": rows},
            "small": {"off": rows},
            "objects": {"4": {"off": steps}},
        }
    )
    assert "| off | 65.0 | 50.0 | 65.0 | 50.0 |" in table
    assert "| 4 | 10.0 | 60.0 |" in table


def test_speed_alone_has_a_table_of_its_own() -> None:
    steps = {"region": [0.0, 0.5, 0.7], "seconds": [1.0, 1.0, 0.1, 0.2, 0.1]}
    machine = {"gpu": None, "processor": "one", "threads": 1, "packages": {"torch": "2"}, "commit": "c"}
    told = {"model": "nano", "image_size": 256, "compiled": "compiled", "truth": "scenes"}
    table = bench_windows.render(
        {
            "machine": machine,
            **told,
            "masks": {},
            "small": {},
            "objects": {"1": {"off": steps, "auto": steps}},
        }
    )
    assert "| 1 | 10.0 | 10.0 | 60.0 | 60.0 |" in table
    assert "J from a box" not in table
