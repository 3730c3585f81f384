"""Plans side by side on sequences: what is kept, said, gone on with and refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import bench_plans
from bench.bench_plans import known_rows, open_folders, render
from bench.report import RESULTS
from streamtrack.errors import ConfigError
from streamtrack.scenes.scene import make_scene
from tests.bench.test_quality import write_sequence
from tests.support.bench import run


def result_of(**rows: tuple[float, float]) -> dict[str, Any]:
    """Sequences with J of the first and the second plan; F is the same."""
    return {
        "machine": json.loads((RESULTS / "identity.json").read_text(encoding="utf-8"))["machine"],
        "model": "nano",
        "image_size": 256,
        "weights_sha256": "0" * 64,
        "settings": [],
        "prompt": "box",
        "frames": 25,
        "plans": ["recent", "motion_aware"],
        "sequences": {
            name: {
                plan: {"region": region, "boundary": region}
                for plan, region in zip(("recent", "motion_aware"), regions, strict=True)
            }
            for name, regions in rows.items()
        },
    }


def test_table_says_the_means_and_what_a_sequence_lost_and_won_at_most() -> None:
    text = render(result_of(dog=(0.8, 0.75), camel=(0.5, 0.6)))
    assert "nano at 256 px, 2 sequences, the first 25 frames of each, from a box." in text
    assert "| recent | 0.650 | 0.650 | 0.650 | +0.0 | +0.0 | +0.0 |" in text
    assert "| motion_aware | 0.675 | 0.675 | 0.675 | +2.5 | -5.0 | +10.0 |" in text
    assert "| camel | 0.500 | 0.600 |" in text
    assert "camel" not in bench_plans.headline(result_of(dog=(0.8, 0.75), camel=(0.5, 0.6)))


def test_run_is_gone_on_with_where_its_settings_are_the_same(tmp_path: Path) -> None:
    made = result_of(dog=(0.8, 0.75))
    path = tmp_path / "plans.json"
    assert known_rows(path, made, made["plans"]) == {}
    path.write_text(json.dumps(made))
    assert known_rows(path, made, made["plans"]) == made["sequences"]
    assert known_rows(path, made, [*made["plans"], "distractor_aware"]) == {}, "one plan is missing"
    with pytest.raises(ConfigError, match=r"plans.json was made with frames 25, expected 40$"):
        known_rows(path, {**made, "frames": 40}, made["plans"])


def test_folders_are_cut_short_and_may_not_share_a_name(tmp_path: Path) -> None:
    labels = [np.eye(8, dtype=np.uint8) * 255] * 5
    for folder, name in (("a", "dog"), ("b", "camel"), ("c", "dog")):
        write_sequence(tmp_path / folder, name, labels)
    found = open_folders([tmp_path / "a", tmp_path / "b"], None, 3)
    assert [(one.name, len(one.frame_paths), len(one.annotation_paths)) for one in found] == [
        ("dog", 3, 3),
        ("camel", 3, 3),
    ]
    with pytest.raises(ConfigError, match="dog is in several folders"):
        open_folders([tmp_path / "a", tmp_path / "c"], None, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--frames", "2"], "--frames is 2, expected 3 or more"),
        (["--memory", "recents"], "'recents' is none of recent, motion_aware, distractor_aware"),
        ([], "holds no JPEGImages"),
    ],
)
def test_misuse_is_one_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "--memory" in arguments:
        write_sequence(tmp_path, "dog", [np.eye(8, dtype=np.uint8) * 255] * 3)
    monkeypatch.setattr(sys, "argv", ["bench_plans", str(tmp_path), "--out", str(tmp_path / "o"), *arguments])
    with pytest.raises(SystemExit) as ended:
        bench_plans.main()
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.whole_bench
def test_quick_run_has_every_plan_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene("leave")
    rendered = [scene.render(index) for index in range(8)]
    labels = [np.where(masks[2], 255, 0).astype(np.uint8) for _, masks in rendered]
    write_sequence(tmp_path, "ball", labels, [image for image, _ in rendered])
    options = [str(tmp_path), "--set", "model.image_size=128", "--device", "cpu", "--resume"]
    result, text = run(bench_plans, tmp_path / "out", monkeypatch, *options)
    assert result["sequences"]["ball"].keys() == set(bench_plans.PLANS)
    assert all(scores["region"] > 0.5 for scores in result["sequences"]["ball"].values())
    assert "| ball |" in text
    again, _ = run(bench_plans, tmp_path / "out", monkeypatch, *options)
    assert again["sequences"] == result["sequences"]
