"""Missing hardware is a skip with a reason, and a failure where the run has promised to have it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def run_marked_test(tmp_path: Path, marker: str, **env: str) -> str:
    """The summary of a run of one test that carries the marker, without GPU and browser."""
    path = tmp_path / "test_marked.py"
    path.write_text(f"import pytest\n\n@pytest.mark.{marker}\ndef test_marked(): pass\n")
    argv = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "tests.conftest"]
    bare = {
        **{key: value for key, value in os.environ.items() if key not in ("CI", "STREAMTRACK_REQUIRE_CUDA")},
        "CUDA_VISIBLE_DEVICES": "",
        "PATH": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
    }
    result = subprocess.run(
        [*argv, str(path)], env={**bare, **env}, capture_output=True, text=True, timeout=60, check=False
    )
    return result.stdout


@pytest.mark.parametrize(
    ("marker", "reason", "requirement"),
    [
        ("needs_cuda", "no CUDA device", {"STREAMTRACK_REQUIRE_CUDA": "1"}),
        ("browser", "none of chromium, chromium-browser, google-chrome is installed", {"CI": "true"}),
    ],
)
def test_missing_hardware_skips_and_fails_where_required(
    tmp_path: Path, marker: str, reason: str, requirement: dict[str, str]
) -> None:
    allowed = run_marked_test(tmp_path, marker)
    assert "1 skipped" in allowed
    assert reason in allowed
    required = run_marked_test(tmp_path, marker, **requirement)
    assert "failed" not in allowed
    assert "1 error" in required
    assert f"{reason}, and this run requires it" in required
