"""What a figure was measured on. Every JSON in bench/results/ carries it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

PACKAGES = (
    *("torch", "torchvision", "sam2", "numpy", "opencv-python-headless", "av", "aiortc", "pyzmq"),
    *("transformers", "triton"),
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")
MEBIBYTE = 2**20
MADE_BY_A_BENCH = (":!bench/results", ":!README.md", ":!docs/bench.md", ":!docs/bench")
"""A commit is not dirty for the tables that the run before this one wrote."""


def describe_machine() -> dict[str, Any]:
    """Processor, threads, device, versions and commit, as plain values."""
    return {
        "processor": _cpuinfo("model name") or platform.processor() or "unknown",
        "cpu_flags": (_cpuinfo("flags") or "").split(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "thread_variables": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "gpu_driver": _gpu_driver(),
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "commit": _commit(),
    }


def describe_measurement(result: dict[str, Any]) -> str:
    """One line on what a table was measured on."""
    machine = result["machine"]
    cores = f" ({machine['cores']} cores, {machine['cpu_capability']})" if "cores" in machine else ""
    return (
        f"Measured on {machine['gpu'] or machine['processor']}{cores}, {machine['threads']} threads, "
        f"torch {machine['packages']['torch']}, commit {machine['commit']}."
    )


def _cpuinfo(key: str) -> str | None:
    """The first processor's line of that name; None where the system does not tell."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu_driver() -> str | None:
    return _output(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])


def _commit() -> str | None:
    commit = _output(["git", "rev-parse", "--short", "HEAD"])
    changed = _output(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", *MADE_BY_A_BENCH])
    return f"{commit}-dirty" if commit and changed else commit


def _output(command: list[str]) -> str | None:
    """What a command of this machine says; None where it is not there or fails."""
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
