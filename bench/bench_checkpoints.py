"""What does each checkpoint cost? Frames per second, step percentiles, stages and memory.

    python -m bench.bench_checkpoints --models nano,sam2.1-tiny --image-sizes 256,512 --objects 1,4

Every row is measured in a process of its own, after the memory bank has filled; warm-up is told apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil
import torch

from bench.environment import describe_measurement, write_result
from bench.models import load
from bench.stage_timer import StageTimer, synchronise
from streamtrack.config import TrackingConfig
from streamtrack.ingest.synthetic import make_scene
from streamtrack.model.catalog import CATALOG, get_entry
from streamtrack.tracking import Session, Tracker

FILL_FRAMES = 18
"""Frames until 6 memories and 15 pointers are there: a step costs less before."""
STAGE_FRAMES = 5
MEBIBYTE = 2**20
PUBLISHED_A100_FPS = {
    "sam2.1-tiny": 91.2,
    "sam2.1-small": 84.8,
    "sam2.1-base-plus": 64.1,
    "sam2.1-large": 39.5,
}
"""One object, 1024 pixels, compiled, A100: the SAM 2 repository's README."""


@dataclass(frozen=True)
class Row:
    """What is measured in one process."""

    model: str
    image_size: int
    objects: int
    precision: str
    device: str
    frames: int
    threads: int


def measure(row: Row) -> dict[str, Any]:
    """Run one row in this process."""
    torch.set_num_threads(row.threads)
    started = time.perf_counter()
    model, weights = load(row.model, row.image_size, row.device, row.precision)
    load_seconds = time.perf_counter() - started
    tracker = Tracker(model)
    session = tracker.new_session(TrackingConfig(max_objects=row.objects))
    pictures = _pictures(FILL_FRAMES + row.frames + STAGE_FRAMES)
    _add_objects(session, row.objects)
    if tracker.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    warm_up = _time_steps(session, pictures[:FILL_FRAMES], tracker.device)
    steps = _time_steps(session, pictures[FILL_FRAMES : FILL_FRAMES + row.frames], tracker.device)
    timer = StageTimer(tracker.device)
    with timer.watching():
        watched = _time_steps(session, pictures[FILL_FRAMES + row.frames :], tracker.device)
    stages_ms = {stage: 1000 * seconds / STAGE_FRAMES for stage, seconds in timer.seconds.items()}
    stages_ms["around"] = 1000 * sum(watched) / STAGE_FRAMES - sum(stages_ms.values())
    return {
        **asdict(row),
        "device": tracker.device,
        "precision": tracker.precision,
        "weights": weights,
        "load_seconds": load_seconds,
        "warm_up_seconds": warm_up,
        "step_seconds": steps,
        "stages_ms": stages_ms,
        "session_bytes": session.num_bytes,
        "resident_bytes": psutil.Process().memory_info().rss,
        "gpu_allocated_bytes": torch.cuda.max_memory_allocated() if tracker.device == "cuda" else None,
        "gpu_reserved_bytes": torch.cuda.max_memory_reserved() if tracker.device == "cuda" else None,
    }


def _pictures(number: int) -> list[Any]:
    scene = make_scene("demo")
    return [scene.render(index)[0] for index in range(number)]


def _add_objects(session: Session, number: int) -> None:
    """Masks, so that random weights follow objects of the same size as real ones."""
    scene = make_scene("demo")
    rng = np.random.default_rng(3)
    for object_id in range(number):
        mask = np.zeros((scene.height_px, scene.width_px), np.bool_)
        y, x = int(rng.integers(0, scene.height_px - 90)), int(rng.integers(0, scene.width_px - 90))
        mask[y : y + 90, x : x + 90] = True
        session.add(object_id, mask=mask)


def _time_steps(session: Session, pictures: list[Any], device: str) -> list[float]:
    seconds = []
    for picture in pictures:
        synchronise(device)
        started = time.perf_counter()
        session.step(picture)
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    return seconds


def run_in_own_process(row: Row) -> dict[str, Any]:
    """One row in a fresh process, so that its memory is its own."""
    command = [sys.executable, "-m", "bench.bench_checkpoints", "--row", json.dumps(asdict(row))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    )
    if done.returncode:
        raise SystemExit(f"{row}: failed: {done.stderr.strip().splitlines()[-1:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def render(result: dict[str, Any]) -> str:
    """The rows as a Markdown table."""
    lines = [
        describe_measurement(result),
        "",
        "| model | pixels | objects | precision | weights | FPS | p50 | p95 | p99 "
        "| encode | memory attention | decode | memory encode | around | memory | A100, published |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        steps = 1000 * np.array(row["step_seconds"])
        p50, p95, p99 = np.percentile(steps, (50, 95, 99))
        stages = [f"{row['stages_ms'].get(name, 0):.0f}" for name in
                  ("encode", "memory attention", "decode", "memory encode", "around")]  # fmt: skip
        peak = row["gpu_allocated_bytes"] or row["resident_bytes"]
        published = PUBLISHED_A100_FPS.get(row["model"])
        beside = f"{published}" if published and row["image_size"] == 1024 and row["objects"] == 1 else ""
        cells = [row["model"], row["image_size"], row["objects"], row["precision"], row["weights"],
                 f"{1000 / p50:.1f}", f"{p50:.0f} ms", f"{p95:.0f} ms", f"{p99:.0f} ms", *stages,
                 f"{peak / MEBIBYTE:.0f} MiB", beside]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure every combination, write bench/results/checkpoints.{json,md}, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default="nano")
    parser.add_argument("--image-sizes", help="default: the model's own")
    parser.add_argument("--objects", default="1,4")
    parser.add_argument("--precisions", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        print(json.dumps(measure(Row(**json.loads(options.row)))))
        return
    models = list(CATALOG) if options.models == "all" else options.models.split(",")
    rows = []
    for name, objects, precision in itertools.product(
        models, map(int, options.objects.split(",")), options.precisions.split(",")
    ):
        own_size = [get_entry(name).image_size]
        for size in map(int, options.image_sizes.split(",")) if options.image_sizes else own_size:
            row = Row(name, size, objects, precision, options.device, options.frames, options.threads)
            rows.append(run_in_own_process(row))
            print(
                f"{name} {size} {objects}: {1 / np.median(rows[-1]['step_seconds']):.1f} FPS", file=sys.stderr
            )
    torch.set_num_threads(options.threads)
    write_result("checkpoints", {"fill_frames": FILL_FRAMES, "rows": rows}, render)


if __name__ == "__main__":
    main()
