"""Row 19: all of it at random, for a while; `streamtrack bench soak` is the same for hours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.soak_record import thirds
from tests.faults.table import ROOT, FaultRow, record_fault

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.process, pytest.mark.timeout(900)]

SECONDS, PAUSE_S = 90, 0.5
SLACK = {"threads": 12.0, "descriptors": 12.0}
"""As the thirds of so short a run differ by who is there: a camera has six threads, a viewer a descriptor."""


def test_server_survives_all_of_it_at_random(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.bench_soak", "--duration", str(SECONDS), "--pause", str(PAUSE_S)]
    done = subprocess.run(
        [*command, "--seed", "19", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS + 240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    result = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    counts, log = result["counts"], result["log"]
    grown = {key: last - first for key in SLACK for first, last in (thirds(result, key),)}
    checks = {
        f"the server ended with {result['exit_code']}": result["exit_code"] == 0,
        f"errors {result['errors']}": not result["errors"],
        f"{log.get('tracebacks', 0)} tracebacks in the log": log.get("tracebacks", 0) == 0,
        f"{counts.get('overtaken', 0)} frames overtaken": counts.get("overtaken", 0) == 0,
        f"grown by {grown}": all(grown[key] <= slack for key, slack in SLACK.items()),
        "hardly anything happened": len(result["outcomes"]) > 20 and len(result["faults"]) >= 3,
    }
    failed = [words for words, held in checks.items() if not held]
    acts = sum(result["outcomes"].values())
    record_fault(
        FaultRow(
            19,
            f"{SECONDS} seconds of objects, viewers, cameras, commands and faults at random",
            "no crash, no answer of 5xx, no traceback; threads and descriptors as before; nothing waits in a "
            "queue",
            None,
            None,
            "; ".join(
                (
                    f"nothing: {acts} things happened, {len(result['faults'])} of them faults; "
                    f"{counts.get('frames', 0)} frames published, none overtaken",
                    *failed,
                )
            ),
            held=not failed,
        )
    )
