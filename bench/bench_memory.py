"""Does memory stay what it was? A session and sam2's own predictor follow the same objects, frame by frame.

    streamtrack bench memory --frames 2000

Each runs in a process of its own, so that neither's memory is counted as the other's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import psutil
import torch
from sam2.sam2_video_predictor import SAM2VideoPredictor

from bench.environment import MEBIBYTE, describe_measurement
from bench.report import make_parser, write_result
from streamtrack.engine.preprocess import to_input
from streamtrack.model.families import build_module
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.model.weights_file import read_weights
from streamtrack.scenes.scene import Scene, make_scene
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import get_entry, require_checkpoint

SETTLED_FRAME = 300
"""From here on nothing may grow: rings are full, allocators have seen every size."""
QUICK_FRAMES = 8


def settled_frame(num_frames: int) -> int:
    """The frame from which growth is counted in a run of that length."""
    return min(SETTLED_FRAME, num_frames // 2)


def measure_session(num_frames: int) -> dict[str, Any]:
    """Resident memory and tensor bytes of a streamtrack session at the settled and at the last frame."""
    scene = make_scene("demo")
    session = Tracker.from_checkpoint("nano", device="cpu").new_session()
    for object_id, mask in scene.render(0)[1].items():
        session.add(object_id, mask=mask)
    own_bytes: list[int] = []

    def step(index: int) -> None:
        session.step(scene.render(index)[0])
        own_bytes.append(session.num_bytes)

    resident = _resident_over(num_frames, step)
    return {"objects": len(session.object_ids), "own_bytes": (own_bytes[0], own_bytes[-1]), **resident}


@torch.inference_mode()
def measure_reference(num_frames: int) -> dict[str, Any]:
    """The same for sam2's SAM2VideoPredictor with nano's weights; it wants all frames before the first."""
    scene, entry = make_scene("demo"), get_entry("nano")
    predictor: Any = build_module(entry, entry.image_size, cls=SAM2VideoPredictor)
    predictor.load_state_dict(read_weights(require_checkpoint(entry)))
    # A network of its own: it takes its module over.
    network = Sam2Network(build_module(entry, entry.image_size))
    images = _all_frames(scene, network, num_frames)
    loaded = (images, scene.height_px, scene.width_px)
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
        state = predictor.init_state("frames are given")
    for object_id, mask in scene.render(0)[1].items():
        predictor.add_new_mask(state, 0, object_id, torch.from_numpy(mask))
    outputs = predictor.propagate_in_video(state)
    resident = _resident_over(num_frames, lambda _: next(outputs))
    return {"objects": len(state["obj_ids"]), "video_bytes": images.nbytes, **resident}


def _all_frames(scene: Scene, network: Sam2Network, num_frames: int) -> torch.Tensor:
    size = network.geometry.input_size
    images = torch.empty(num_frames, 3, *size)
    for index in range(num_frames):
        images[index] = network.normalise(to_input(scene.render(index)[0], size, network.device))[0]
    return images


def _resident_over(num_frames: int, step: Callable[[int], Any]) -> dict[str, int]:
    process, settled = psutil.Process(), 0
    for index in range(num_frames):
        step(index)
        if index == settled_frame(num_frames):
            settled = process.memory_info().rss
    return {"frames": num_frames, "resident_settled": settled, "resident_last": process.memory_info().rss}


def measure(num_frames: int, threads: int) -> dict[str, dict[str, Any]]:
    """Both, each in a process of its own."""
    results = {}
    environment = {**os.environ, "TQDM_DISABLE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    for what in ("session", "reference"):
        command = [
            sys.executable,
            "-m",
            "bench.bench_memory",
            "--only",
            what,
            "--frames",
            str(num_frames),
            "--threads",
            str(threads),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        results[what] = json.loads(done.stdout)
    return results


def growth_per_1000_frames(result: dict[str, Any]) -> float:
    """Resident growth in MiB per 1,000 frames after settling."""
    frames = result["frames"] - settled_frame(result["frames"])
    return float((result["resident_last"] - result["resident_settled"]) / MEBIBYTE * 1000 / frames)


def render(result: dict[str, Any]) -> str:
    """Both as a Markdown table."""
    lines = [
        describe_measurement(result),
        "",
        f"| | resident at frame {result['settled_frame']} | at frame {result['session']['frames']} "
        "| growth per 1,000 frames | frames held in advance |",
        "|---|---|---|---|---|",
    ]
    for what, title in (("session", "streamtrack"), ("reference", "sam2 SAM2VideoPredictor")):
        one = result[what]
        settled, last = (one[key] / MEBIBYTE for key in ("resident_settled", "resident_last"))
        growth, video = growth_per_1000_frames(one), one.get("video_bytes", 0) / MEBIBYTE
        lines.append(
            f"| {title} | {settled:.0f} MiB | {last:.0f} MiB | {growth:+.1f} MiB | {video:.0f} MiB |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, write bench/results/memory.{json,md}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--only", choices=("session", "reference"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.only is not None:
        one = {"session": measure_session, "reference": measure_reference}[options.only]
        print(json.dumps(one(options.frames)))
        return
    frames = QUICK_FRAMES if options.quick else options.frames
    results = {"settled_frame": settled_frame(frames), **measure(frames, options.threads)}
    write_result("memory", results, render, options.out)


if __name__ == "__main__":
    main()
