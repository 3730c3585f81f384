"""Runs a bench as the command line does, in this process, and hands back what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch


def run(
    bench: ModuleType, out: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[dict[str, Any], str]:
    """The JSON and the table of a quick run."""
    name = bench.__name__.rpartition("bench_")[2]
    command = [f"bench_{name}", "--quick", "--threads", "1", "--out", str(out), *arguments]
    monkeypatch.setattr("sys.argv", command)
    threads = torch.get_num_threads()
    try:
        bench.main()
    finally:
        torch.set_num_threads(threads)
    result: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    table = (out / f"{name}.md").read_text()
    assert table == bench.render(result) + "\n", "the table is not made of the JSON"
    machine = result["machine"]
    assert machine["cpu_flags"]
    assert machine["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert {"commit", "gpu", "gpu_driver", "threads", "python", "system"} <= machine.keys()
    return result, table
