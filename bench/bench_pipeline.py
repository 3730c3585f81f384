"""What does everything around the model cost? The live path with paced cameras, subscribers and viewers.

    streamtrack bench pipeline --cases 1:1,1:8,2:8,4:8 --fps 8

A case is STREAMS:VIEWERS. Cameras are H.264 files played at their own pace in a loop; viewers are real WHEP
players in a process of their own, and so is a subscriber to every stream's masks. CPU is counted by thread
over the whole server process; the step is also timed alone, before and after.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.environment import describe_measurement
from bench.live_case import CLIP_FRAMES, SCENE, LiveCase
from bench.report import make_parser, progress, refuse, table, write_result

CASES = "1:0,1:1,1:8,2:1,2:8,4:1,4:8"
THREADS = {
    "ingest": "ingest (decode)",
    "track": "track (step and hand-over)",
    "masks": "masks (encode, publish)",
    "viewers": "viewers (hand-over to the picture)",
    "watch": "watch (camera, step)",
    "video": "video (draw, encode)",
    "MainThread": "event loop (WebRTC, HTTP)",
    "native": "native (ZeroMQ, codecs)",
}
"""Names of threads up to their first dash, and what they do."""


def run_in_own_process(case: LiveCase) -> dict[str, Any]:
    """One server, with a process for those who watch it."""
    command = [sys.executable, "-m", "bench.live_case", json.dumps(asdict(case))]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    if done.returncode:
        refuse(f"{case.streams}:{case.viewers}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def cpu_ms(case: dict[str, Any]) -> dict[str, float]:
    """CPU milliseconds of each thread for each frame: of ingest for each that it decoded, whether or not a
    newer one took its place, of the others for each that was tracked."""
    tracked = len(case["step_cpu_ns"])
    decoded = tracked + case["dropped"].get("superseded", 0)
    return {
        name: 1000 * seconds / (decoded if name == "ingest" else tracked)
        for name, seconds in case["cpu_s"].items()
    }


def around_ms(case: dict[str, Any]) -> float:
    """CPU milliseconds that a frame costs the whole process, less those of the step itself."""
    return sum(cpu_ms(case).values()) - float(np.mean(case["step_cpu_ns"])) / 1e6


def slow_down(case: dict[str, Any]) -> float:
    """The live step's median over that of the same step alone at the same pace; 1.0 is no slower."""
    alone = case["alone_before"]["paced_ns"] + case["alone_after"]["paced_ns"]
    return float(np.median(case["step_wall_ns"]) / np.median(alone))


def render(result: dict[str, Any]) -> str:
    """Latency and drops of each case, then CPU by thread."""
    first = result["cases"][0]
    compiled = ", compiled" if first.get("compile") == "on" else ""
    return "\n\n".join(
        [
            describe_measurement(result),
            f"{first['model']}{compiled}, {first['objects']} objects, "
            f"{first['width_px']}x{first['height_px']} H.264 at {first['fps']:g} fps a camera, "
            f"a step on {first['threads']} thread(s), "
            f"{first['seconds']:g} s a case. Latencies run from the decoder to the socket, to the "
            f"subscriber's process, and to the last packet of the annotated picture in the viewer's process.",
            _latency_table(result["cases"]),
            "CPU milliseconds by thread, of ingest for each decoded frame, of the others for each tracked "
            "one; `around` is all of it but the step:",
            _cpu_table(result["cases"]),
        ]
    )


def _latency_table(cases: Sequence[dict[str, Any]]) -> str:
    header = [
        "streams",
        "viewers",
        "FPS a stream",
        "dropped",
        "to publish p50 / p95",
        "to subscriber",
        "to viewer",
        "step live",
        "step alone, paced",
        "and back to back",
    ]
    lines = []
    for case in cases:
        frames, dropped = len(case["step_wall_ns"]), case["dropped"]
        alone = {
            pace: case["alone_before"][pace] + case["alone_after"][pace] for pace in ("paced_ns", "fast_ns")
        }
        lines.append(
            [
                case["streams"],
                case["viewers"],
                f"{frames / case['window_s'] / case['streams']:.1f}",
                ", ".join(f"{reason} {count}" for reason, count in dropped.items()) or "0",
                *(_p50_p95(case[f"capture_to_{end}_ms"]) for end in ("publish", "subscriber", "viewer")),
                _p50_p95(np.array(case["step_wall_ns"]) / 1e6),
                _p50_p95(np.array(alone["paced_ns"]) / 1e6),
                _p50_p95(np.array(alone["fast_ns"]) / 1e6),
            ]
        )
    return table(header, lines)


def _cpu_table(cases: Sequence[dict[str, Any]]) -> str:
    header = ["streams", "viewers", *THREADS.values(), "other", "step", "around", "live step / alone"]
    lines = []
    for case in cases:
        each = cpu_ms(case)
        other = sum(value for name, value in each.items() if name not in THREADS)
        lines.append(
            [
                case["streams"],
                case["viewers"],
                *(f"{each.get(name, 0):.1f}" for name in THREADS),
                f"{other:.1f}",
                f"{np.mean(case['step_cpu_ns']) / 1e6:.1f}",
                f"{around_ms(case):.1f}",
                f"{slow_down(case):.2f}",
            ]
        )
    return table(header, lines)


def headline(result: dict[str, Any]) -> str:
    """For the README: one line a case."""
    lines = [
        [
            case["streams"],
            case["viewers"],
            f"{len(case['step_wall_ns']) / case['window_s'] / case['streams']:.1f} of {case['fps']:g}",
            *(_p50_p95(case[f"capture_to_{end}_ms"]) for end in ("publish", "viewer")),
            f"{around_ms(case):.1f} ms",
            f"{100 * (slow_down(case) - 1):+.0f} %",
        ]
        for case in result["cases"]
    ]
    header = [
        "streams",
        "viewers",
        "FPS a stream",
        "capture to publish, p50 / p95",
        "capture to viewer",
        "CPU a frame around the step",
        "step slower by",
    ]
    return describe_measurement(result) + "\n\n" + table(header, lines)


def _p50_p95(milliseconds: Sequence[float] | npt.NDArray[np.float64]) -> str:
    if not len(milliseconds):
        return ""
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return f"{p50:.0f} / {p95:.0f} ms"


def main() -> None:
    """Measure every case, write pipeline.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.set_defaults(threads=max(1, (os.cpu_count() or 2) - 1))  # as the server sets it
    parser.add_argument("--cases", default=CASES, help="STREAMS:VIEWERS, comma-separated")
    parser.add_argument("--fps", type=float, default=8, help="of each camera")
    parser.add_argument("--size", default="640x360", help="of each camera")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--compile", choices=("on", "off"), default="on", help="as model.compile")
    parser.add_argument("--seconds", type=float, default=15, help="that count, of each case")
    options = parser.parse_args()
    alone_frames = 40
    if options.quick:
        options.cases, options.seconds, options.fps, alone_frames = "1:1", 2, 15, 3
        options.compile = "off"
    cases = []
    for text in options.cases.split(","):
        try:
            streams, viewers = map(int, text.split(":"))
            width_px, height_px = map(int, options.size.split("x"))
        except ValueError:
            refuse(f"case is {text!r} at {options.size!r}, expected STREAMS:VIEWERS at WIDTHxHEIGHT")
        case = LiveCase(
            streams,
            viewers,
            width_px,
            height_px,
            options.fps,
            options.model,
            options.seconds,
            alone_frames,
            options.threads,
            options.compile,
        )
        cases.append(run_in_own_process(case))
        progress(f"{text}: around {around_ms(cases[-1]):.1f} ms, live / alone {slow_down(cases[-1]):.2f}")
    torch.set_num_threads(options.threads)
    seeds = {"scene": f"{SCENE}, seed 0, {CLIP_FRAMES} frames"}
    write_result("pipeline", {"seeds": seeds, "cases": cases}, render, options.out)


if __name__ == "__main__":
    main()
