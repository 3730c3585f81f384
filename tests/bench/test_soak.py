"""A server under soak: ages in steps, what counts as growth, and a whole run of seconds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import bench_soak
from bench.fill_readme import ROOT, filled
from bench.report import RESULTS
from bench.soak_ages import SETTLED, Ages
from bench.soak_record import slope_per_hour, thinned
from streamtrack.publish.message import MaskMessage
from tests.support.bench import run

MS = 1_000_000
SHOWN: Any = {1: None}
MESSAGE = MaskMessage("cam", 1, 0, 0, None, (1, 90_000), 0, 0, 0, 0, 0, (360, 640), "nano", SHOWN)


def message(frame_idx: int, captured_ms: int, begun_ms: int, ended_ms: int, **changes: Any) -> MaskMessage:
    return replace(
        MESSAGE,
        frame_idx=frame_idx,
        capture_monotonic_ns=captured_ms * MS,
        track_start_monotonic_ns=begun_ms * MS,
        track_end_monotonic_ns=ended_ms * MS,
        publish_monotonic_ns=ended_ms * MS,
        **changes,
    )


def test_age_is_told_in_turn_rounds_once_there_are_enough() -> None:
    ages = Ages()
    steps = [ages.note(message(n, 1000 * n, 1000 * n + 50, 1000 * n + 100)) for n in range(SETTLED)]
    assert [one.steps for one in steps if one is not None] == [None] * (SETTLED - 1) + [pytest.approx(1.0)]
    late = ages.note(message(SETTLED, 9000, 9250, 9300))
    assert late is not None
    assert late.steps == pytest.approx(3.0)
    assert late.own_steps == pytest.approx(1.0), "it took its time, and nothing was before it"
    assert not late.overtaken, "it waited for its turn, and no step of its own stream was before it"


def test_frame_that_was_there_before_another_step_began_was_overtaken() -> None:
    ages = Ages()
    ages.note(message(0, 0, 1000, 1100))
    queued = ages.note(message(1, 100, 1100, 1200))
    assert queued is not None
    assert queued.overtaken
    assert queued.own_steps == pytest.approx(1.0)
    assert queued.turn_round_s == pytest.approx(0.1), (
        "it could be taken up only when the step before had ended"
    )


def test_frame_that_is_told_again_has_no_age_and_a_camera_that_is_added_again_begins_anew() -> None:
    ages = Ages()
    for number in range(3):
        ages.note(message(number, 100 * number, 100 * number, 100 * number + 50))
    assert ages.note(message(1, 100, 100, 900)) is None
    assert ages.revisions == 1
    assert ages.note(message(0, 5000, 5000, 5050)) is not None
    assert ages.note(message(1, 5100, 5100, 5150, objects={})) is None, "it shows nothing"
    assert ages.empty == 1


@pytest.mark.parametrize("per_hour", [0.0, 7.0])
def test_slope_is_found_within_its_error_in_a_noisy_row(per_hour: float) -> None:
    times_s = [5.0 * number for number in range(1440)]
    values = [1000 + per_hour * at_s / 3600 + 5 * math.sin(0.37 * at_s) for at_s in times_s]
    slope = slope_per_hour(times_s, values)
    assert slope.per_hour == pytest.approx(per_hour, abs=max(3 * slope.error, 0.3))
    assert slope.error < 1
    assert slope.is_flat == (per_hour == 0.0)


def test_too_few_samples_have_no_slope() -> None:
    assert math.isnan(slope_per_hour([0.0, 5.0], [1.0, 2.0]).per_hour)


def test_long_row_is_told_by_means_of_neighbours() -> None:
    samples = [{"at_s": float(number), "threads": 2.0 * number} for number in range(7)]
    assert thinned(samples, 7) == samples
    assert [one["at_s"] for one in thinned(samples, 3)] == [1.0, 4.0, 6.0]
    assert thinned([], 3) == []


def test_page_shows_the_run_that_is_kept() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert "resident memory, MiB" in page
    assert filled(page) == page, "run python -m bench.fill_readme"
    assert (RESULTS / "soak.png").is_file()


@pytest.mark.whole_bench
def test_quick_run_survives_what_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, text = run(bench_soak, tmp_path, monkeypatch, "--seed", "7")
    assert result["exit_code"] == 0
    assert result["errors"] == {}
    assert result["log"].get("tracebacks", 0) == 0
    assert result["counts"]["frames"] > 0
    assert len(result["samples"]) >= 3
    assert all(sample["threads"] > 3 and sample["descriptors"] > 3 for sample in result["samples"])
    assert len(result["outcomes"]) >= 5, "hardly anything happened"
    assert "| resident memory, MiB |" in text
    assert (tmp_path / "soak.png").stat().st_size > 10_000
