"""How far is it from the best that a device could do? FLOPs and bytes of each stage, and the floor they set.

    streamtrack bench roofline --cases sam2.1-tiny:1024:1,nano:256:1

FLOPs (matrix products, convolutions, attention) and bytes are counted while a real step with a full memory
bank runs. A stage's floor on a device is the larger of FLOPs over its matmul peak and least bytes over its
copy peak: this device's peaks are measured, other devices' are those of their data sheets. Measured time over
floor says what is left to gain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from bench.devices import DEVICES
from bench.environment import MEBIBYTE, describe_measurement
from bench.models import SEED, is_compiled, make_tracker
from bench.op_counter import OpCounter, measure_peaks
from bench.report import make_parser, ms, progress, refuse, table, write_result
from bench.scenario import FILL_FRAMES, MASK_SEED, add_objects, make_pictures, time_steps
from bench.stage_timer import STAGES, StageTimer
from bench.variants import VARIANTS
from streamtrack.config import TrackingConfig
from streamtrack.errors import CheckpointError
from streamtrack.model.build import resolve_device
from streamtrack.weights.catalog import get_entry

CASES = "sam2.1-tiny:1024:1,sam2.1-tiny:512:8,nano:256:1"
BF16_BYTES_SHARE = 0.5
"""Other devices run in bf16: half the bytes of fp32."""
GIGA = 1e9
COMPILED_FOLLOW = "compiled follow"
FOLLOWED = ("memory attention", "decode", "memory encode")
"""What a compiled follow does in one."""


def measure(model: str, image_size: int, objects: int, variant: str, options: Any) -> dict[str, Any]:
    """Work and time of each stage, and this device's peaks around them."""
    torch.set_num_threads(options.threads)
    keys = VARIANTS[variant].model
    tracker, weights = make_tracker(
        model, image_size=image_size, device=options.device, threads=options.threads, **keys
    )
    dtype = torch.float32 if tracker.precision == "fp32" else torch.bfloat16
    session = tracker.new_session(TrackingConfig(max_objects=objects, window="off"))
    add_objects(session, objects)
    pictures = make_pictures(FILL_FRAMES + 2 * options.frames + 1)
    time_steps(session, pictures[:FILL_FRAMES], tracker.device)
    peaks = [measure_peaks(tracker.device, dtype)]
    timer, steps = StageTimer(tracker.device), []
    # In turns: what is watched is slower, and the machine may change meanwhile.
    for index in range(FILL_FRAMES, FILL_FRAMES + 2 * options.frames, 2):
        steps += time_steps(session, pictures[index : index + 1], tracker.device)
        with timer.watching():
            time_steps(session, pictures[index + 1 : index + 2], tracker.device)
    peaks.append(measure_peaks(tracker.device, dtype))
    return {
        "model": model,
        "image_size": image_size,
        "objects": objects,
        "precision": tracker.precision,
        "weights": weights,
        "variant": variant,
        "compiled": is_compiled(tracker),
        "work": count_work(model, image_size, objects, {**keys, "compile": "off"}, options),
        "stage_seconds": {stage: timer.seconds[stage] / options.frames for stage in STAGES},
        "step_seconds": steps,
        "peaks": {key: max(one[key] for one in peaks) for key in peaks[0]},
        "peaks_measured": peaks,
    }


def count_work(
    model: str, image_size: int, objects: int, keys: dict[str, Any], options: Any
) -> dict[str, dict[str, int]]:
    """The work of each stage of a step, operation by operation: a compiled library tells nothing of itself,
    and does the same work."""
    tracker, _ = make_tracker(model, image_size=image_size, device=options.device, **keys)
    session = tracker.new_session(TrackingConfig(max_objects=objects, window="off"))
    add_objects(session, objects)
    pictures = make_pictures(FILL_FRAMES + 1)
    time_steps(session, pictures[:FILL_FRAMES], tracker.device)
    counter = OpCounter()
    with counter.watching():
        session.step(pictures[-1])
    return {stage: asdict(counter.work[stage]) for stage in STAGES}


def floor_seconds(
    work: dict[str, int], flops_per_s: float, bytes_per_s: float, byte_share: float = 1.0
) -> float:
    """The least time that a device needs for a stage."""
    return max(work["flops"] / flops_per_s, byte_share * work["least_bytes"] / bytes_per_s)


def share_of_peak(case: dict[str, Any]) -> float:
    """The median step's FLOP/s over the measured matmul peak."""
    flops = sum(work["flops"] for work in case["work"].values())
    return float(flops / np.median(case["step_seconds"]) / case["peaks"]["matmul_flops_per_s"])


def render(result: dict[str, Any]) -> str:
    """For each case: this device's floors beside what was measured, then the floors of others."""
    parts = [describe_measurement(result)]
    for case in result["cases"]:
        flops = sum(work["flops"] for work in case["work"].values())
        peak, step = case["peaks"], float(np.median(case["step_seconds"]))
        parts += [
            f"**{case['model']}, {case['image_size']} pixels, {case['objects']} object(s)**, "
            f"{_variant(case)}: a step of {1000 * step:.0f} ms is {flops / step / GIGA:.0f} GFLOP/s, "
            f"{100 * share_of_peak(case):.0f} % of this device's matmul peak "
            f"({peak['matmul_flops_per_s'] / GIGA:.0f} GFLOP/s; copy peak "
            f"{peak['copy_bytes_per_s'] / GIGA:.0f} GB/s).",
            _stage_table(case),
        ]
    parts.append(
        "Floors on other devices in bf16, dense, from "
        + "; ".join(f"{device.name}: {device.source}" for device in DEVICES)
        + ". No step reaches its floor: what is not a matrix product comes on top."
    )
    parts.append(_device_table(result["cases"]))
    return "\n\n".join(parts)


def _variant(case: dict[str, Any]) -> str:
    return str(case.get("variant", case["precision"]))


def _stage_table(case: dict[str, Any]) -> str:
    header = ["stage", "GFLOP", "least MiB", "MiB operation by operation", "floor", "measured", "over floor"]
    lines, peaks = [], case["peaks"]
    total_floor = total_measured = 0.0
    for stage, work, floor, measured in _stages(case, peaks["matmul_flops_per_s"], peaks["copy_bytes_per_s"]):
        total_floor, total_measured = total_floor + floor, total_measured + measured
        lines.append([stage, f"{work['flops'] / GIGA:.2f}", *_mebibytes(work), *_beside(floor, measured)])
    works = case["work"].values()
    whole = {key: sum(work[key] for work in works) for key in ("flops", "least_bytes", "eager_bytes")}
    lines.append(
        ["**all**", f"{whole['flops'] / GIGA:.2f}", *_mebibytes(whole), *_beside(total_floor, total_measured)]
    )
    return table(header, lines)


def _stages(
    case: dict[str, Any], flops_per_s: float, bytes_per_s: float
) -> Iterator[tuple[str, dict[str, int], float, float]]:
    """Name, work, floor and time of each stage that ran; those that run as one compiled library are one."""
    followed: dict[str, int] = dict.fromkeys(("flops", "least_bytes", "eager_bytes"), 0)
    followed_floor = 0.0
    for stage, work in case["work"].items():
        floor = floor_seconds(work, flops_per_s, bytes_per_s)
        if case.get("compiled") and stage in FOLLOWED:
            followed_floor += floor
            followed = {key: followed[key] + work[key] for key in followed}
        elif stage != COMPILED_FOLLOW:
            yield stage, work, floor, case["stage_seconds"][stage]
    if case.get("compiled"):
        yield COMPILED_FOLLOW, followed, followed_floor, case["stage_seconds"][COMPILED_FOLLOW]


def _mebibytes(work: dict[str, int]) -> tuple[str, str]:
    return f"{work['least_bytes'] / MEBIBYTE:.0f}", f"{work['eager_bytes'] / MEBIBYTE:.0f}"


def _beside(floor: float, measured: float) -> tuple[str, str, str]:
    ratio = f"{measured / floor:.1f}" if floor > 1e-6 else ""
    return f"{1000 * floor:.2f} ms", f"{1000 * measured:.2f} ms", ratio


def _device_table(cases: list[dict[str, Any]]) -> str:
    header = ["model", "pixels", "objects", *(device.name for device in DEVICES)]
    lines = []
    for case in cases:
        cells = []
        for device in DEVICES:
            share = BF16_BYTES_SHARE if case["precision"] == "fp32" else 1.0
            floor = sum(
                floor_seconds(work, device.flops_per_s, device.bytes_per_s, share)
                for work in case["work"].values()
            )
            cells.append(f"{1000 * floor:.2f} ms, {1 / floor:.0f} FPS")
        lines.append([case["model"], case["image_size"], case["objects"], *cells])
    return table(header, lines)


def headline(result: dict[str, Any]) -> str:
    """One line a case: the share of the peak."""
    lines = []
    for case in result["cases"]:
        flops = sum(work["flops"] for work in case["work"].values())
        step = float(np.median(case["step_seconds"]))
        peak = case["peaks"]["matmul_flops_per_s"]
        lines.append(
            [
                case["model"],
                case["image_size"],
                case["objects"],
                _variant(case),
                f"{flops / GIGA:.1f}",
                ms(1000 * step),
                f"{flops / step / GIGA:.0f} GFLOP/s",
                f"{peak / GIGA:.0f} GFLOP/s",
                f"{100 * share_of_peak(case):.0f} %",
            ]
        )
    header = [
        "model",
        "pixels",
        "objects",
        "variant",
        "GFLOP a step",
        "step",
        "reached",
        "matmul peak here",
        "share",
    ]
    return describe_measurement(result) + "\n\n" + table(header, lines)


def main() -> None:
    """Count and measure, write roofline.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--cases", default=CASES, help="MODEL:PIXELS:OBJECTS, comma-separated")
    parser.add_argument("--frames", type=int, default=5, help="that are timed")
    parser.add_argument("--variants", default="fp32,compiled", help="of each case")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    options.device = str(resolve_device(options.device).type)
    if options.quick:
        options.cases, options.variants, options.frames = "nano:128:1", "fp32", 1
    cases = []
    for text in options.cases.split(","):
        try:
            model, size, objects = text.split(":")
            get_entry(model)
            found = [
                measure(model, int(size), int(objects), variant, options)
                for variant in options.variants.split(",")
                if VARIANTS[variant].refusal(options.device) is None
            ]
        except CheckpointError as error:
            refuse(str(error))
        except ValueError:
            refuse(f"case is {text!r}, expected MODEL:PIXELS:OBJECTS such as nano:256:1")
        except KeyError as error:
            refuse(f"unknown variant {error.args[0]}, expected of: {', '.join(VARIANTS)}")
        cases += found
        for case in found:
            progress(f"{text} {case['variant']}: {100 * share_of_peak(case):.0f} % of the matmul peak")
    seeds = {"weights": SEED, "masks": MASK_SEED}
    write_result(
        "roofline", {"fill_frames": FILL_FRAMES, "seeds": seeds, "cases": cases}, render, options.out
    )


if __name__ == "__main__":
    main()
