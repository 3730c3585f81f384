"""Missing hardware is a skip with a reason, and a failure where the run has promised to have it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


MARKED = """
import pytest

@pytest.mark.needs_cuda
def test_on_gpu(): pass

@pytest.mark.browser
def test_in_browser(): pass
"""
NO_GPU = "no CUDA device"
NO_BROWSER = "none of chromium, chromium-browser, google-chrome is installed"


def run_marked_tests(tmp_path: Path, **env: str) -> str:
    """The summary of a run of two marked tests on a machine without GPU and browser."""
    path = tmp_path / "test_marked.py"
    path.write_text(MARKED)
    argv = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "-p", "tests.conftest"]
    bare = {
        **{key: value for key, value in os.environ.items() if key not in ("CI", "STREAMTRACK_REQUIRE_CUDA")},
        "CUDA_VISIBLE_DEVICES": "",
        "PATH": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
    }
    result = subprocess.run(
        [*argv, str(path)], env={**bare, **env}, capture_output=True, text=True, timeout=100, check=False
    )
    return result.stdout


def test_missing_hardware_is_a_skip_with_its_reason(tmp_path: Path) -> None:
    summary = run_marked_tests(tmp_path)
    assert "2 skipped" in summary
    assert NO_GPU in summary
    assert NO_BROWSER in summary


def test_missing_hardware_is_a_failure_where_the_run_requires_it(tmp_path: Path) -> None:
    summary = run_marked_tests(tmp_path, CI="true", STREAMTRACK_REQUIRE_CUDA="1")
    assert "2 errors" in summary
    assert f"{NO_GPU}, and this run requires it" in summary
    assert f"{NO_BROWSER}, and this run requires it" in summary
