"""Each example answers one question; each is run as its reader would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import make_scene
from tests.support.pipelines import stream_config
from tests.support.servers import server_config, serving

pytestmark = pytest.mark.process

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RUN_S = 90
"""Importing torch and loading nano on a busy machine, and a few frames."""


def run(*argv: str | Path, quiet: bool = True, **environment: str) -> list[str]:
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=RUN_S, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    assert not (quiet and done.stderr)
    return done.stdout.splitlines()


def test_film_is_followed_in_fifteen_lines(tmp_path: Path) -> None:
    scene, clip = make_scene("demo?width=320&height=180"), tmp_path / "clip.mp4"
    write_scene(scene, clip, 5)
    mask = next(iter(scene.render(0)[1].values()))
    rows, columns = np.nonzero(mask)
    lines = run(sys.executable, EXAMPLES / "follow_film.py", clip, f"{columns.mean()},{rows.mean()}")
    assert [line.split()[:2] for line in lines] == [[str(index), "tracking"] for index in range(5)]
    areas = [int(line.split()[-1]) for line in lines]
    assert all(mask.sum() / 2 < area < mask.sum() * 2 for area in areas), "it follows something else"
    source = (EXAMPLES / "follow_film.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 15


def test_objects_are_added_and_corrected_while_frames_come() -> None:
    lines = [line.split() for line in run(sys.executable, EXAMPLES / "add_and_correct.py")]
    assert {line[1] for line in lines if int(line[0]) <= 4} == {"1"}
    assert {line[1] for line in lines if int(line[0]) > 4} == {"1", "2"}
    assert any("corrected" in line for line in lines)


@pytest.mark.needs_program("curl")
def test_stream_is_steered_with_curl(tmp_path: Path) -> None:
    stream = stream_config("synthetic:leave?fps=10", "demo", pace="newest")
    with serving(server_config(stream)) as server:
        lines = run(
            "/bin/sh", EXAMPLES / "steer_by_http.sh", server.http_address, "demo", TMPDIR=str(tmp_path)
        )
    status, added, objects, _, paused, resumed = (json.loads(line or "null") for line in lines)
    assert status["name"] == "demo"
    assert added["object_id"] in [item["object_id"] for item in objects]
    assert (paused["paused"], resumed["paused"]) == (True, False)
    assert (tmp_path / "streamtrack-snapshot.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_consumer_of_ones_own_sees_frames_and_events() -> None:
    lines = run(
        sys.executable, EXAMPLES / "own_consumer.py", "synthetic:demo?frames=4&width=320&height=180", "2"
    )
    assert any(line.startswith("added ") for line in lines)
    assert lines[-1] in ("frames 4", "frames 3", "frames 2"), "a slow one misses frames, never all"


def test_exporter_of_ones_own_writes_boxes(tmp_path: Path) -> None:
    scene, clip, out = make_scene("demo?width=320&height=180"), tmp_path / "clip.mp4", tmp_path / "out"
    write_scene(scene, clip, 3)
    rows, columns = np.nonzero(next(iter(scene.render(0)[1].values())))
    options = ["--point", f"{columns.mean()},{rows.mean()}", "--masks", "none", "--no-overlay"]
    options += ["--export", "own_exporter:MotBoxes", "--out", str(out)]
    found_at = os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")])
    command = (sys.executable, "-m", "streamtrack.cli", "track", clip)
    run(*command, *options, quiet=False, PYTHONPATH=found_at)  # the progress bar goes to stderr
    lines = [line.split(",") for line in (out / "mot.txt").read_text().splitlines()]
    assert [line[:2] for line in lines] == [["1", "1"], ["2", "1"], ["3", "1"]]
    left, top, width, height = map(int, lines[-1][2:6])
    centre = np.array((left + width / 2, top + height / 2))
    assert np.abs(centre - (columns.mean(), rows.mean())).max() < 20, "it is somewhere else"
