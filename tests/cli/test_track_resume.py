"""`track --resume` after kill -9, as a person does it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streamtrack.cli import main as cli
from streamtrack.offline.result_folder import LIST

pytestmark = pytest.mark.process

BOUND_S = 120.0


def command(frames: int, out: Path, *options: str) -> list[str]:
    scene = f"synthetic:leave?width=320&height=180&frames={frames}"
    prompt = ["--point", f"70,120@{frames // 2}", "--direction", "both", "--set", "model.threads=1"]
    return ["track", scene, *prompt, "--no-overlay", "--export", "coco", "--out", str(out), *options]


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != LIST]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def kill_when_written(arguments: list[str], path: Path) -> None:
    """Run the command in a process of its own, and kill it as soon as a file is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamtrack.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + BOUND_S
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.exists()
        process.kill()
        assert process.wait(BOUND_S) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait(BOUND_S)


@pytest.mark.parametrize(
    "frames", [pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(900)]), 60]
)
def test_killed_run_goes_on_to_the_files_of_an_unbroken_one(
    frames: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, unbroken = tmp_path / "out", tmp_path / "unbroken"
    kill_when_written(command(frames, out), out / "masks" / "001" / f"{frames // 2 + 5:05d}.png")
    assert len(list((out / "masks" / "001").iterdir())) < frames, "killed in the middle"
    first = out / "masks" / "001" / "00000.png"
    written = first.stat().st_mtime_ns
    assert cli.run(command(frames, out, "--resume")) == 0
    assert first.stat().st_mtime_ns == written, "what is whole stays"
    assert cli.run(command(frames, unbroken)) == 0
    assert contents(out) == contents(unbroken)
    assert len(list((out / "masks" / "001").iterdir())) == frames
    capfd.readouterr()
    assert cli.run(command(frames, out, "--resume")) == cli.EXIT_ERROR
    assert "no run was broken off in" in capfd.readouterr().err
