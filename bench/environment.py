"""What a figure was measured on. Every JSON in bench/results/ carries it."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "torchvision", "sam2", "numpy", "opencv-python-headless", "av", "aiortc", "pyzmq")


def describe_machine() -> dict[str, Any]:
    """Processor, threads, device, versions and commit, as plain values."""
    cuda = torch.cuda.is_available()
    return {
        "processor": _processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def write_result(name: str, result: dict[str, Any], render: Callable[[dict[str, Any]], str]) -> None:
    """Write bench/results/<name>.json and the table made from it, and print the table."""
    RESULTS.mkdir(exist_ok=True)
    full = {"machine": describe_machine(), **result}
    table = render(full)
    (RESULTS / f"{name}.json").write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def describe_measurement(result: dict[str, Any]) -> str:
    """One line on what a table was measured on."""
    machine = result["machine"]
    return (
        f"Measured on {machine['gpu'] or machine['processor']}, {machine['threads']} threads, "
        f"torch {machine['packages']['torch']}, commit {machine['commit']}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str | None:
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
