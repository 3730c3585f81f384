"""Cost against gain of each approximation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import bench_pareto, switches
from bench.scene_sequence import SceneSequence
from streamtrack.config import TrackingConfig
from streamtrack.config.presets import PRESETS
from streamtrack.model.hardware import cpu_has_bf16
from tests.support.bench import run
from tests.support.image_files import read_image


@pytest.mark.whole_bench
def test_quick_run_has_cost_gain_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_pareto, tmp_path, monkeypatch)
    points = bench_pareto.points_of(result)
    assert set(points) == {"exact", "memory_pool 2", "preset balanced"}
    assert (points["exact"].cost, points["exact"].gain) == (0, 1)
    assert all(bench_pareto.score(rows) > 60 for rows in result["points"]["exact"]["quality"].values())
    # How much is gained, a busy machine cannot say; that it was measured, it can.
    assert points["preset balanced"].gain != 1
    assert all(point.lead > 0 for point in points.values())
    assert "| preset balanced |" in table
    assert "| balanced |" in bench_pareto.headline(result)
    height, width = read_image(tmp_path / "pareto.png").shape[:2]
    assert width > height > 300


def test_every_key_of_the_switches_is_known() -> None:
    for name, switch in switches.all_switches().items():
        config = TrackingConfig(**switch.tracking)
        assert (config == TrackingConfig()) == (not switch.tracking), name


def test_cost_is_the_mean_over_prompts_and_gain_the_median_over_turns() -> None:
    def row(score: float, seconds: list[float]) -> dict[str, object]:
        rows = [{"sequence": "one", "region": score + 2, "boundary": score - 2}]
        return {"quality": {"box": rows, "mask": rows}, "seconds": seconds}

    points = bench_pareto.points_of(
        {"reference_seconds": [4, 6, 8], "points": {"exact": row(70, [2, 3, 8]), "fast": row(68, [1, 1, 1])}}
    )
    assert points["fast"] == bench_pareto.Point({"box": 2, "mask": 2}, 1, 3, 6)
    assert points["fast"].cost == 2
    assert points["exact"].lead == 2


def test_preset_is_measured_as_the_keys_that_it_comes_to() -> None:
    switch = switches.preset_switch("fast")
    assert switch.tracking == PRESETS["fast"].tracking
    assert switch.model == {**PRESETS["fast"].model, **({"precision": "bf16"} if cpu_has_bf16() else {})}
    assert switches.preset_switch("quality") == switches.all_switches()["exact"]


def test_scene_sequence_scores_the_same_objects_on_every_frame() -> None:
    sequence = SceneSequence("demo", 3)
    truths = [sequence.truth(index) for index in range(len(sequence.frames()))]
    assert len({tuple(masks) for masks, _ in truths}) == 1
    assert all(np.all(counts) for _, counts in truths)
    assert all(mask.any() for mask in truths[0][0].values())
