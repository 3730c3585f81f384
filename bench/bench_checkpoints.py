"""What does each model cost? Frames per second, step percentiles, stages and memory.

    streamtrack bench checkpoints --models nano,sam2.1-tiny --image-sizes 256,512 --objects 1,4

Every row is measured in a process of its own, after the memory bank has filled; warm-up is told apart. A row
that this machine cannot run, or not within --max-row-s, is told as such, and more objects are then not tried.
The files are written after every row; --resume goes on with a run that was cut, or adds rows to it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from bench.environment import MEBIBYTE, describe_machine, describe_measurement
from bench.models import SEED, is_compiled, make_tracker
from bench.report import make_parser, percentiles_ms, progress, refuse, save_result, table, write_result
from bench.scenario import FILL_FRAMES, MASK_SEED, add_objects, make_pictures, time_steps
from bench.stage_timer import STAGES, StageTimer
from bench.variants import VARIANTS
from streamtrack.config import TrackingConfig
from streamtrack.errors import CheckpointError
from streamtrack.model.build import resolve_device
from streamtrack.weights.catalog import CATALOG, get_entry

STAGE_FRAMES = 5
TRIAL_FRAMES = 2
"""Steps that tell whether a row fits its time. The first one carries the start's costs, the second counts."""
FULL_BANK_FACTOR = 2.0
"""At most this much dearer than the second step is one with a full bank (measured 1.9 for tiny at 1024)."""
TOO_LONG = "over --max-row-s"
PUBLISHED = {
    "sam2.1-tiny": ("91.2 FPS", "~61 FPS, 2.8 GB"),
    "sam2.1-small": ("84.8 FPS", ""),
    "sam2.1-base-plus": ("64.1 FPS", "~34 FPS, 5.4 GB"),
    "sam2.1-large": ("39.5 FPS", "~22 FPS, 8.1 GB"),
}
"""One object, 1024 pixels: the SAM 2 repository's README on an A100, compiled; users' reports on an RTX 3090
at 1080p."""


@dataclass(frozen=True)
class Row:
    """What is measured in one process."""

    model: str
    image_size: int
    objects: int
    variant: str
    device: str
    frames: int
    threads: int
    max_row_s: float


def measure(row: Row) -> dict[str, Any]:
    """Run one row in this process."""
    started = time.perf_counter()
    tracker, weights = make_tracker(
        row.model,
        image_size=row.image_size,
        device=row.device,
        threads=row.threads,
        **VARIANTS[row.variant].model,
    )
    load_seconds = time.perf_counter() - started
    if VARIANTS[row.variant].model["compile"] == "on" and not is_compiled(tracker):
        return {**asdict(row), "weights": weights, "refused": "did not compile"}
    session = tracker.new_session(TrackingConfig(max_objects=row.objects, window="off"))
    add_objects(session, row.objects)
    pictures = make_pictures(FILL_FRAMES + row.frames + STAGE_FRAMES)
    result: dict[str, Any] = {
        **asdict(row),
        "precision": tracker.precision,
        "weights": weights,
        "load_seconds": load_seconds,
    }
    if row.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    warm_up = time_steps(session, pictures[:TRIAL_FRAMES], row.device)
    needed_s = len(pictures) * warm_up[-1] * FULL_BANK_FACTOR
    if needed_s > row.max_row_s:
        why = f"{warm_up[-1]:.1f} s a step while memory is empty: {TOO_LONG} {row.max_row_s:g}"
        return {**result, "refused": why, "warm_up_seconds": warm_up}
    warm_up += time_steps(session, pictures[TRIAL_FRAMES:FILL_FRAMES], row.device)
    steps = time_steps(session, pictures[FILL_FRAMES : FILL_FRAMES + row.frames], row.device)
    timer = StageTimer(row.device)
    with timer.watching():
        watched = time_steps(session, pictures[FILL_FRAMES + row.frames :], row.device)
    stages_ms = {stage: 1000 * timer.seconds[stage] / STAGE_FRAMES for stage in STAGES}
    stages_ms["rest"] = 1000 * sum(watched) / STAGE_FRAMES - sum(stages_ms.values())
    cuda = row.device == "cuda"
    return {
        **result,
        "warm_up_seconds": warm_up,
        "step_seconds": steps,
        "stages_ms": stages_ms,
        "session_bytes": session.num_bytes,
        "resident_bytes": psutil.Process().memory_info().rss,
        "peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "gpu_allocated_bytes": torch.cuda.max_memory_allocated() if cuda else None,
        "gpu_reserved_bytes": torch.cuda.max_memory_reserved() if cuda else None,
    }


def run_in_own_process(row: Row) -> dict[str, Any]:
    """One row in a fresh process, so that its memory is its own."""
    refusal = VARIANTS[row.variant].refusal(row.device)
    if refusal is not None:
        return {**asdict(row), "refused": refusal}
    command = [sys.executable, "-m", "bench.bench_checkpoints", "--row", json.dumps(asdict(row))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    )
    if done.returncode:
        # Such as too little memory: the other rows are worth having all the same.
        last = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
        return {**asdict(row), "refused": last[:200]}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def kept_rows(out: Path) -> list[dict[str, Any]]:
    """The rows of <out>/checkpoints.json, where this commit measured them on this machine; else none."""
    file = out / "checkpoints.json"
    if not file.is_file():
        return []
    before, now = json.loads(file.read_text(encoding="utf-8")), describe_machine()
    same = all(before["machine"].get(key) == now[key] for key in ("commit", "processor", "gpu", "packages"))
    rows: list[dict[str, Any]] = before["rows"] if same else []
    return rows


def _of(row: dict[str, Any]) -> Row:
    return Row(**{field.name: row[field.name] for field in fields(Row)})


def _smaller_took_too_long(row: Row, rows: list[dict[str, Any]]) -> str | None:
    """Why this row need not be tried: the same with fewer objects was over its time already."""
    for other in rows:
        measured = replace(_of(other), objects=row.objects)
        if measured == row and other["objects"] < row.objects and TOO_LONG in other.get("refused", ""):
            return f"{other['objects']} object(s) took too long: {TOO_LONG} {row.max_row_s:g}"
    return None


def render(result: dict[str, Any]) -> str:
    """Speed and memory of each row, then where its time went."""
    on_gpu = result["machine"]["gpu"] is not None
    measured = [row for row in result["rows"] if "refused" not in row]
    parts = [describe_measurement(result), _speed_table(result["rows"], on_gpu)]
    if measured:
        parts.append(
            f"Where a step's time goes, in ms (mean of {STAGE_FRAMES} steps, each stage waited for):\n\n"
            + _stage_table(measured)
        )
    return "\n\n".join(parts)


def _speed_table(rows: list[dict[str, Any]], on_gpu: bool) -> str:
    memory = ["GPU allocated", "GPU reserved"] if on_gpu else ["resident", "peak"]
    beside = ["A100, published", "RTX 3090, published"] if on_gpu else []
    header = [
        "model",
        "pixels",
        "objects",
        "variant",
        "weights",
        "FPS",
        "p50",
        "p95",
        "p99",
        "steps",
        "warm-up",
        *memory,
        *beside,
    ]
    lines = []
    for row in rows:
        name = [row["model"], row["image_size"], row["objects"], row["variant"], row.get("weights", "")]
        if "refused" in row:
            lines.append([*name, "not run: " + row["refused"], *[""] * (len(header) - len(name) - 1)])
            continue
        p50, p95, p99 = percentiles_ms(row["step_seconds"])
        keys = (
            ("gpu_allocated_bytes", "gpu_reserved_bytes")
            if on_gpu
            else ("resident_bytes", "peak_resident_bytes")
        )
        is_published = row["image_size"] == 1024 and row["objects"] == 1
        published = PUBLISHED.get(row["model"], ("", "")) if is_published else ("", "")
        lines.append(
            [
                *name,
                f"{1000 / p50:.1f}",
                f"{p50:.0f} ms",
                f"{p95:.0f} ms",
                f"{p99:.0f} ms",
                len(row["step_seconds"]),
                f"{sum(row['warm_up_seconds']):.1f} s",
                *(f"{row[key] / MEBIBYTE:.0f} MiB" for key in keys),
                *(published if on_gpu else ()),
            ]
        )
    return table(header, lines)


def _stage_table(rows: list[dict[str, Any]]) -> str:
    stages = [*STAGES, "rest"]
    return table(
        ["model", "pixels", "objects", "variant", *stages],
        [
            [
                row["model"],
                row["image_size"],
                row["objects"],
                row["variant"],
                *(f"{row['stages_ms'].get(stage, 0):.1f}" for stage in stages),
            ]
            for row in rows
        ],
    )


def main() -> None:
    """Measure every combination, write checkpoints.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--models", help="comma-separated, or all; default: nano and the SAM 2.1 family")
    parser.add_argument("--image-sizes", help="default: 512 and 1024, for nano its own")
    parser.add_argument("--objects", default="1,4,16")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=int, default=10, help="steps that count")
    parser.add_argument("--max-row-s", type=float, default=180, help="skip a row, and say so, beyond this")
    parser.add_argument("--resume", action="store_true", help="keep the rows that this commit measured here")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        print(json.dumps(measure(Row(**json.loads(options.row)))))
        return
    if options.quick:
        options.models, options.image_sizes, options.objects = "nano", "128", "1"
        options.variants, options.frames = "fp32,graph", 3
    planned = _plan(options)
    torch.set_num_threads(options.threads)
    rows = kept_rows(options.out) if options.resume else []
    known = {_of(row) for row in rows}
    result = {"fill_frames": FILL_FRAMES, "seeds": {"weights": SEED, "masks": MASK_SEED}, "rows": rows}
    for row in planned:
        if row in known:
            continue
        too_long = _smaller_took_too_long(row, rows)
        rows.append({**asdict(row), "refused": too_long} if too_long else run_in_own_process(row))
        step = rows[-1].get("step_seconds")
        outcome = f"{1 / np.median(step):.1f} FPS" if step else rows[-1]["refused"]
        progress(f"{row.model} {row.image_size} {row.objects} {row.variant}: {outcome}")
        save_result("checkpoints", result, render, options.out)
    write_result("checkpoints", result, render, options.out)


def _plan(options: argparse.Namespace) -> list[Row]:
    if options.models == "all":
        models = list(CATALOG)
    elif options.models:
        models = options.models.split(",")
    else:
        models = [name for name in CATALOG if not name.startswith("sam2-")]
    variants = options.variants.split(",")
    unknown = set(variants) - set(VARIANTS)
    if unknown:
        refuse(f"unknown variant {', '.join(sorted(unknown))}, expected of: {', '.join(VARIANTS)}")
    try:
        own_sizes = {name: get_entry(name).image_size for name in models}
    except CheckpointError as error:
        refuse(str(error))
    device = str(resolve_device(options.device).type)
    for size in (options.image_sizes or "").split(","):
        for name in models if size else ():
            entry = get_entry(name)
            if not (size.isdecimal() and 128 <= int(size) <= 2048 and entry.takes_image_size(int(size))):
                refuse(f"--image-sizes: got {size}, expected {entry.image_sizes} from 128 to 2048")
    rows = []
    for name in models:
        default = [own_sizes[name]] if own_sizes[name] < 512 else [512, 1024]
        sizes = [int(size) for size in options.image_sizes.split(",")] if options.image_sizes else default
        objects = [int(number) for number in options.objects.split(",")]
        rows += [
            Row(name, *one, device, options.frames, options.threads, options.max_row_s)
            for one in itertools.product(sizes, objects, variants)
        ]
    return rows


if __name__ == "__main__":
    main()
