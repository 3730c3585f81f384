"""The benches run, and their figures hang together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import bench_checkpoints, bench_peers
from bench.bench_checkpoints import Row
from bench.environment import describe_machine
from streamtrack import bench_cli, cli


def test_checkpoint_row_has_every_stage_and_they_add_up() -> None:
    row = Row("nano", 128, objects=2, precision="fp32", device="cpu", frames=4, threads=1)
    threads = torch.get_num_threads()
    try:
        result = bench_checkpoints.measure(row)
    finally:
        torch.set_num_threads(threads)
    assert len(result["step_seconds"]) == 4
    assert len(result["warm_up_seconds"]) == bench_checkpoints.FILL_FRAMES
    assert set(result["stages_ms"]) == {"encode", "memory attention", "decode", "memory encode", "around"}
    assert all(milliseconds > 0 for milliseconds in result["stages_ms"].values())
    assert result["weights"] == "checkpoint"
    table = bench_checkpoints.render({"machine": describe_machine(), "rows": [result]})
    assert "| nano | 128 | 2 | fp32 | checkpoint |" in table


def test_peers_follow_the_same_objects() -> None:
    case = bench_peers.measure("nano", 128, 2, blocks=1, frames=2)
    assert case["mask_iou"] > 0.999
    table = bench_peers.render({"machine": describe_machine(), "cases": [case]})
    assert "| nano | 128 | 2 | checkpoint |" in table


def test_help_is_the_benchs_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "peers", "--help"]) == 0
    assert "--cases" in capfd.readouterr().out


def test_without_the_suite_it_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_cli, "SUITE", tmp_path / "bench")
    assert cli.run(["bench", "memory"]) == 2
    assert "no bench suite here, expected a clone of the repository" in capsys.readouterr().err
