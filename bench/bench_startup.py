"""How long from nothing to the first mask? A fresh process, by part.

    streamtrack bench startup --runs 7

Each run starts Python anew: interpreter, imports, weights, the first step with a prompt, the second step.
OpenMP waits passively, as `streamtrack` sets it.
`warm` runs find their files in memory. `--cold` also drops the system's file cache before some runs (needs
root, and slows the whole machine down for a moment). Compiled models start once with nothing compiled
yet, then with what that start left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.environment import describe_measurement
from bench.models import find_weights
from bench.report import make_parser, progress, refuse, table, write_result
from bench.variants import VARIANTS
from streamtrack.errors import CheckpointError
from streamtrack.model.build import resolve_device
from streamtrack.model.compiled_calls import COMPILED_ENV
from streamtrack.weights.catalog import get_entry

DROP_CACHES = Path("/proc/sys/vm/drop_caches")
IMPORTS_SHOWN = 8
PARTS = ("interpreter", "import torch", "import the rest", "load", "first step", "second step")
TO_FIRST_MASK = PARTS[:-1]
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}
CHILD = """
import time
stamps = [time.monotonic()]
import torch
stamps.append(time.monotonic())
import json, sys
import numpy as np
from pathlib import Path
from streamtrack.config import ModelConfig
from streamtrack.tracking import Tracker
stamps.append(time.monotonic())
options = json.loads(sys.argv[1])
tracker = Tracker.from_config(ModelConfig(**{**options, "checkpoint": Path(options["checkpoint"])}))
stamps.append(time.monotonic())
session = tracker.new_session()
picture = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
session.add(1, box=(220, 120, 330, 210))
for _ in range(2):
    assert session.step(picture).objects[1].box
    stamps.append(time.monotonic())
print(json.dumps(stamps))
"""
"""Stamps after each part; the parent knows when it started the process."""


def run_once(options: dict[str, Any], environment: dict[str, str]) -> dict[str, float]:
    """Seconds of each part of one fresh process."""
    started = time.monotonic()  # the child's clock is the same: monotonic time is the machine's
    command = [sys.executable, "-c", CHILD, json.dumps(options)]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        env={**PASSIVE, **os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        refuse(f"startup failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    stamps = [started, *json.loads(done.stdout)]
    return dict(zip(PARTS, np.diff(stamps).tolist(), strict=True))


def import_times(options: dict[str, Any]) -> dict[str, float]:
    """Seconds that the modules of each package take to import, without what they import themselves."""
    command = [sys.executable, "-X", "importtime", "-c", CHILD, json.dumps(options)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    seconds: dict[str, float] = defaultdict(float)
    for line in done.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            seconds[name.rpartition("|")[2].strip().partition(".")[0]] += int(own) / 1e6
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def drop_file_cache() -> None:
    """Let the next process read everything from the disk."""
    os.sync()
    try:
        DROP_CACHES.write_text("3")
    except OSError as error:
        refuse(f"--cold: {DROP_CACHES} cannot be written: {error.strerror}, expected root on Linux")


def measure(
    model: str, variant: str, *, runs: int, device: str, threads: int, cold: bool
) -> list[dict[str, Any]]:
    """One variant with its caches empty and full."""
    refusal = VARIANTS[variant].refusal(device)
    if refusal is not None:
        return [{"model": model, "variant": variant, "refused": refusal}]
    options = {
        "name": model,
        "checkpoint": str(find_weights(model).path),
        "device": device,
        "threads": threads,
        **VARIANTS[variant].model,
    }
    rows = []

    def add(cache: str, number: int, environment: dict[str, str], before: Any = None) -> None:
        found = []
        for _ in range(number):
            if before is not None:
                before()
            found.append(run_once(options, environment))
        rows.append({"model": model, "variant": variant, "cache": cache, "runs": found})
        progress(f"{model} {variant}, {cache}: {np.median(to_first_mask(found)):.2f} s to the first mask")

    with tempfile.TemporaryDirectory() as folder:
        environment = {COMPILED_ENV: folder} if options["compile"] == "on" else {}
        if environment:
            add("nothing compiled yet", 1, environment)
        else:
            run_once(options, environment)  # fills the file cache, and writes Python's own
        if cold:
            add("files on disk", max(1, runs // 2), environment, drop_file_cache)
        add("warm", runs, environment)
    return rows


def to_first_mask(runs: list[dict[str, float]]) -> list[float]:
    """Seconds from the start of the process, of each run."""
    return [sum(run[part] for part in TO_FIRST_MASK) for run in runs]


def render(result: dict[str, Any]) -> str:
    """Parts of each start, then what the imports cost."""
    imports = result["import_seconds"]
    shown = list(imports.items())[:IMPORTS_SHOWN]
    return "\n\n".join(
        [
            describe_measurement(result),
            _parts_table(result["rows"]),
            "Imports, by package, each without what it imports itself (under Python's timer, a slower one):",
            table(
                ["package", "seconds"],
                [
                    *([name, f"{seconds:.2f}"] for name, seconds in shown),
                    ["all others", f"{sum(imports.values()) - sum(seconds for _, seconds in shown):.2f}"],
                ],
            ),
        ]
    )


def _parts_table(rows: list[dict[str, Any]]) -> str:
    header = ["model", "variant", "cache", "to the first mask, median (min to max)", *PARTS]
    lines = []
    for row in rows:
        if "refused" in row:
            lines.append(
                [row["model"], row["variant"], "not run: " + row["refused"], *[""] * (1 + len(PARTS))]
            )
            continue
        whole = to_first_mask(row["runs"])
        parts = (f"{np.median([run[part] for run in row['runs']]):.2f} s" for part in PARTS)
        lines.append(
            [
                row["model"],
                row["variant"],
                row["cache"],
                f"{np.median(whole):.2f} s ({min(whole):.2f} to {max(whole):.2f})",
                *parts,
            ]
        )
    return table(header, lines)


def headline(result: dict[str, Any]) -> str:
    """For the README: the parts alone."""
    return describe_measurement(result) + "\n\n" + _parts_table(result["rows"])


def main() -> None:
    """Measure, write startup.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--variants", default="fp32,compiled,graph")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--cold", action="store_true", help="drop the file cache too; needs root")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.variants = 1, "fp32,graph"
    device = str(resolve_device(options.device).type)
    try:
        get_entry(options.model)
    except CheckpointError as error:
        refuse(str(error))
    rows = []
    for variant in options.variants.split(","):
        if variant not in VARIANTS:
            refuse(f"unknown variant {variant}, expected of: {', '.join(VARIANTS)}")
        rows += measure(
            options.model,
            variant,
            runs=options.runs,
            device=device,
            threads=options.threads,
            cold=options.cold,
        )
    plain = {"name": options.model, "checkpoint": str(find_weights(options.model).path), "device": device}
    torch.set_num_threads(options.threads)
    write_result("startup", {"rows": rows, "import_seconds": import_times(plain)}, render, options.out)


if __name__ == "__main__":
    main()
