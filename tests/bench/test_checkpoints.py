"""What each model costs: rows, stages, and rows that cannot run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from bench import bench_checkpoints
from bench.bench_checkpoints import Row
from bench.scenario import FILL_FRAMES
from bench.stage_timer import STAGES
from tests.support.bench import run


@pytest.mark.whole_bench
def test_quick_run_writes_samples_stages_and_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, table = run(bench_checkpoints, tmp_path, monkeypatch, "--device", "cpu")
    measured, refused = result["rows"]
    assert (len(measured["warm_up_seconds"]), len(measured["step_seconds"])) == (FILL_FRAMES, 3)
    assert set(measured["stages_ms"]) == {*STAGES, "rest"}
    assert measured["stages_ms"]["compiled follow"] < measured["stages_ms"]["memory attention"]
    assert all(milliseconds > 0 for milliseconds in measured["stages_ms"].values())
    assert measured["peak_resident_bytes"] >= measured["session_bytes"] > 0
    assert measured["weights"] == "checkpoint"
    assert refused["refused"] == "CUDA only"
    assert "| nano | 128 | 1 | graph |  | not run: CUDA only |" in table
    assert result["seeds"].keys() == {"weights", "masks"}


def test_row_that_takes_too_long_says_so() -> None:
    row = Row("nano", 128, objects=1, variant="fp32", device="cpu", frames=3, threads=1, max_row_s=1e-3)
    assert "over --max-row-s 0.001" in bench_checkpoints.measure(row)["refused"]


def test_more_objects_are_not_tried_where_fewer_took_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["bench_checkpoints", "--out", str(tmp_path), "--models", "nano", "--image-sizes", "128"]
    command += ["--objects", "1,4", "--variants", "fp32", "--device", "cpu", "--max-row-s", "1e-6"]
    monkeypatch.setattr("sys.argv", [*command, "--threads", str(torch.get_num_threads())])
    monkeypatch.setattr(bench_checkpoints, "run_in_own_process", bench_checkpoints.measure)
    bench_checkpoints.main()
    first, second = json.loads((tmp_path / "checkpoints.json").read_text())["rows"]
    assert "s a step while memory is empty: over --max-row-s 1e-06" in first["refused"]
    assert second["refused"] == "1 object(s) took too long: over --max-row-s 1e-06"


def test_resume_goes_on_where_a_run_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Row] = []

    def cut_after_one(row: Row) -> dict[str, object]:
        asked.append(row)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {**asdict(row), "refused": f"answer {len(asked)}"}

    monkeypatch.setattr(bench_checkpoints, "run_in_own_process", cut_after_one)
    with pytest.raises(KeyboardInterrupt):
        run(bench_checkpoints, tmp_path, monkeypatch, "--device", "cpu")
    result, _ = run(bench_checkpoints, tmp_path, monkeypatch, "--device", "cpu", "--resume")
    assert [row["refused"] for row in result["rows"]] == ["answer 1", "answer 3"]
    assert [row.variant for row in asked] == ["fp32", "graph", "graph"]


def test_rows_of_another_commit_are_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_checkpoints, "run_in_own_process", lambda row: {**asdict(row), "refused": "no"})
    run(bench_checkpoints, tmp_path, monkeypatch, "--device", "cpu")
    file = tmp_path / "checkpoints.json"
    assert len(bench_checkpoints.kept_rows(tmp_path)) == 2
    before = json.loads(file.read_text())
    file.write_text(json.dumps({**before, "machine": {**before["machine"], "commit": "0000000"}}))
    assert bench_checkpoints.kept_rows(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "nanoo"], "unknown model 'nanoo', did you mean 'nano'?"),
        (["--models", "nano", "--variants", "fp8"], "unknown variant fp8, expected of: fp32, bf16"),
        (["--models", "nano", "--image-sizes", "256,64"], "--image-sizes: got 64, expected a multiple"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench_checkpoints", *arguments])
    with pytest.raises(SystemExit) as ended:
        bench_checkpoints.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_gpu_rows_stand_beside_the_published_figures() -> None:
    row = {
        "model": "sam2.1-tiny",
        "image_size": 1024,
        "objects": 1,
        "variant": "graph",
        "weights": "random",
        "step_seconds": [0.01],
        "warm_up_seconds": [1.0],
        "gpu_allocated_bytes": 2**30,
        "gpu_reserved_bytes": 2**31,
        "stages_ms": dict.fromkeys((*STAGES, "rest"), 1.0),
    }
    machine = {"gpu": "NVIDIA A100", "threads": 8, "packages": {"torch": "2"}, "commit": "abc"}
    table = bench_checkpoints.render({"machine": machine, "rows": [row]})
    assert "1024 MiB | 2048 MiB | 91.2 FPS | ~61 FPS, 2.8 GB |" in table
