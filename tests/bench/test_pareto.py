"""Cost against gain of each approximation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import bench_pareto
from bench.scene_sequence import SceneSequence
from tests.bench.bench_support import run


def test_quick_run_has_cost_gain_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_pareto, tmp_path, monkeypatch)
    points = bench_pareto.points_of(result)
    assert points["exact"][1:] == (0, 1)
    assert points["exact"][0] > 60
    # How much is gained, a busy machine cannot say; that it was measured, it can.
    assert points["preset balanced"][2] > 0
    assert points["preset balanced"][2] != points["exact"][2]
    assert "| preset balanced |" in table
    assert "| balanced |" in bench_pareto.headline(result)
    height, width = cv2.imread(str(tmp_path / "pareto.png")).shape[:2]
    assert width > height > 300


def test_every_key_of_the_switches_is_known() -> None:
    for name, switch in bench_pareto.SWITCHES.items():
        config = bench_pareto.TrackingConfig(**switch.tracking)
        assert (config == bench_pareto.TrackingConfig()) == (not switch.tracking), name


def test_scene_sequence_scores_the_same_objects_on_every_frame() -> None:
    sequence = SceneSequence("demo", 3)
    truths = [sequence.truth(index) for index in range(len(sequence.frames()))]
    assert len({tuple(masks) for masks, _ in truths}) == 1
    assert all(np.all(counts) for _, counts in truths)
    assert all(mask.any() for mask in truths[0][0].values())
