"""What a step needs of the device's memory, measured, beside what `streamtrack fit` expects.

    streamtrack bench fit

The peak of torch's allocator while one frame is encoded and while objects are followed with a full memory,
with random weights, which need as much as any. `streamtrack.model.footprint` holds the figures that these
runs gave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from bench.environment import MEBIBYTE, describe_measurement
from bench.report import make_parser, progress, table, write_result
from streamtrack.model.families import build_module, family_of
from streamtrack.model.footprint import Footprint, Remembered, estimate
from streamtrack.model.interface import FrameFeatures, MemoryRead, Network
from streamtrack.weights.catalog import get_entry

CASES = (
    *(("nano", 256, precision) for precision in ("fp32", "bf16")),
    ("nano", 512, "fp32"),
    *(("sam2.1-tiny", 256, precision) for precision in ("fp32", "bf16")),
    ("sam2.1-tiny", 512, "fp32"),
    *(("sam2.1-base-plus", 256, precision) for precision in ("fp32", "bf16")),
    *(("sam2.1-large", 256, precision) for precision in ("fp32", "bf16")),
)
"""Model, side of the input in pixels, precision."""
QUICK_CASES = (("nano", 128, "fp32"),)


def peak_bytes(call: Callable[[], Any]) -> tuple[int, Any]:
    """The most that torch's CPU allocator gave out at a time while a call ran, and what it returned."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        outcome = call()
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak, outcome


@torch.inference_mode()
def measure_step(network: Network, precision: str, remembered: Remembered) -> dict[str, int]:
    """Peak bytes of encoding a frame, and of following one object with a full memory."""
    geometry = network.geometry
    image = torch.zeros(1, 3, *geometry.input_size, dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        encode, features = peak_bytes(lambda: network.encode_eagerly(image))
        memory = _full_memory(network, remembered)
        follow, _ = peak_bytes(lambda: network.follow_eagerly(features, memory))
    return {"encode": encode, "follow": follow, "kept": _kept_bytes(features)}


def expect(name: str, image_size: int, precision: str) -> Footprint:
    """What `streamtrack fit` says of one object on a CPU, seen in whole pictures."""
    whole = Remembered(windows=False)
    found = estimate(
        get_entry(name), image_size=image_size, precision=precision, device="cpu", remembered=whole
    )
    assert found is not None
    return found


def measure(name: str, image_size: int, precision: str) -> dict[str, Any]:
    """One case, measured and expected."""
    entry, remembered = get_entry(name), Remembered()
    module = build_module(entry, image_size)
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    found = measure_step(family_of(entry).make_network(module), precision, remembered)
    expected = expect(name, image_size, precision)
    progress(f"{name} {image_size} px {precision}")
    return {
        "case": (name, image_size, precision),
        "weights": (weights, expected.weights),
        "history": (found["kept"] * remembered.history_frames, expected.history),
        "work": (max(found["encode"], found["follow"]), expected.work),
        **found,
    }


def render(result: dict[str, Any]) -> str:
    """Measured / expected, in MiB."""
    rows = []
    for one in result["cases"]:
        name, image_size, precision = one["case"]
        parts = [
            f"{one[part][0] / MEBIBYTE:.0f} / {one[part][1] / MEBIBYTE:.0f}"
            for part in ("weights", "history", "work")
        ]
        pixels, tokens = image_size**2, (image_size // 16) ** 2
        rows.append(
            (
                *(name, f"{image_size} px", precision, *parts),
                f"{one['encode'] / pixels:.0f}",
                f"{one['follow'] / tokens:.0f}",
            )
        )
    head = ("", "input", "", "weights MiB", "history MiB", "step MiB", "encode B a pixel", "follow B a token")
    return f"{describe_measurement(result)} Measured / expected.\n\n{table(head, rows)}"


def main() -> None:
    """Measure, write bench/results/fit.{json,md}, print the table."""
    options = make_parser(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    cases = QUICK_CASES if options.quick else CASES
    write_result("fit", {"cases": [measure(*case) for case in cases]}, render, options.out)


def _full_memory(network: Network, remembered: Remembered) -> MemoryRead:
    g, frames = network.geometry, remembered.conditioning_frames + remembered.recent_frames
    pointers = remembered.conditioning_frames + remembered.recent_pointers
    return MemoryRead(
        features=torch.zeros(1, frames, g.memory_tokens, g.memory_dim, dtype=g.memory_dtype),
        slots=torch.zeros(1, frames, dtype=torch.long),
        pointers=torch.zeros(1, pointers, g.pointer_dim),
        pointer_ages=torch.ones(1, pointers),
    )


def _kept_bytes(features: FrameFeatures) -> int:
    return sum(tensor.nbytes for tensor in features.kept)


if __name__ == "__main__":
    main()
