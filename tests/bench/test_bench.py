"""The suite as a whole: commands, files, documents."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import environment, fill_readme, models
from bench.report import make_parser, some_of, write_result
from streamtrack.cli import bench as bench_cli
from streamtrack.cli import main as cli
from streamtrack.tracking import Tracker
from tests.support.bench import run as run_quick


def test_help_is_the_benchs_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "peers", "--help"]) == 0
    assert "--cases" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nope"], "unrecognized arguments: --nope"),
        (["--plans", "recent,x"], "argument --plans: 'x' is none of recent, motion_aware"),
        (["--threads", "0"], "argument --threads: '0', expected a whole number from 1 on"),
        (["--threads", "two"], "argument --threads: 'two', expected a whole number from 1 on"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = make_parser("A bench.")
    parser.add_argument("--plans", type=some_of("recent", "motion_aware"))
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(arguments)
    shown = capsys.readouterr().err
    assert caught.value.code == 2
    assert shown.startswith(f"streamtrack: error: {told}")
    assert shown.count("\n") == 1


def test_without_the_suite_it_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_cli, "SUITE", tmp_path / "bench")
    assert cli.run(["bench", "memory"]) == 2
    assert "no bench suite here that has 'memory', expected a clone" in capsys.readouterr().err


@pytest.mark.whole_bench
def test_memory_runs_both_and_counts_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import bench_memory

    result, table = run_quick(bench_memory, tmp_path, monkeypatch)
    assert result["session"]["own_bytes"][0] == result["session"]["own_bytes"][1]
    assert result["reference"]["video_bytes"] > 0
    assert "| streamtrack |" in table


def test_document_takes_its_table_from_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill_readme, "RESULTS", tmp_path)
    one = {"frames": 4, "resident_settled": 2**20, "resident_last": 2**20, "video_bytes": 0}
    from bench import bench_memory

    result = {"settled_frame": 2, "session": one, "reference": one}
    write_result("memory", result, bench_memory.render, tmp_path)
    text = "a\n<!-- bench: memory -->\nold\n<!-- /bench: memory -->\nz <!-- bench: other -->\nkept\n"
    found = fill_readme.filled(text + "<!-- /bench: other -->")
    assert "| streamtrack | 1 MiB | 1 MiB | +0.0 MiB |" in found
    assert "old" not in found
    assert "kept" in found
    assert fill_readme.filled(found) == found


def test_documents_are_those_of_the_results() -> None:
    for document in fill_readme.DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert fill_readme.filled(text) == text, "run `python -m bench.fill_readme`"


def test_random_weights_are_seeded_and_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "find_checkpoint", lambda entry: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    random_state = torch.random.get_rng_state()
    weights = models.find_weights("nano")
    assert torch.equal(random_state, torch.random.get_rng_state())
    assert weights.origin == "random"
    first = weights.path.read_bytes()
    weights.path.unlink()
    assert models.find_weights("nano").path.read_bytes() == first
    assert isinstance(models.make_tracker("nano", image_size=128, device="cpu")[0], Tracker)


def test_machine_is_described_without_a_gpu_or_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    machine = environment.describe_machine()
    assert machine["commit"] is None
    assert machine["gpu_driver"] is None
    assert "Measured on" in environment.describe_measurement({"machine": machine})
