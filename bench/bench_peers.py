"""Is it faster than the peer? A session and sam2's own SAM2VideoPredictor, in turns in one process.

    python -m bench.bench_peers --cases nano:256:1,sam2.1-tiny:512:1

Same frames, same weights, same prompts, same threads, float32. Both are warm and their memory is full before
anything counts; then blocks of frames alternate, A B A B, and the ratio is taken pair by pair.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch
from sam2.sam2_video_predictor import SAM2VideoPredictor

from bench.bench_checkpoints import FILL_FRAMES
from bench.environment import describe_measurement, write_result
from bench.models import make_module
from streamtrack.config import TrackingConfig
from streamtrack.frame import BoolMask, Image
from streamtrack.ingest.synthetic import make_scene
from streamtrack.model.build import LoadedModel
from streamtrack.model.catalog import get_entry
from streamtrack.model.network import Network
from streamtrack.tracking import Tracker
from streamtrack.tracking.preprocess import to_square


@torch.inference_mode()
def measure(name: str, image_size: int, objects: int, *, blocks: int, frames: int) -> dict[str, Any]:
    """Seconds per frame of each, block by block, and how far their masks agree on the last frame."""
    module, weights = make_module(name, image_size)
    network = Network(module)
    pictures, masks = _scene(FILL_FRAMES + blocks * frames, objects)
    session = Tracker(LoadedModel(name, network, "fp32")).new_session(TrackingConfig(max_objects=objects))
    for object_id, mask in enumerate(masks):
        session.add(object_id, mask=mask)
    ours_next = iter(pictures)
    reference = _reference(name, image_size, network, pictures, masks)

    last: dict[str, Any] = {}

    def our_frame() -> None:
        last["ours"] = session.step(next(ours_next))

    def reference_frame() -> None:
        last["reference"] = next(reference)

    for _ in range(FILL_FRAMES):
        our_frame()
        reference_frame()
    ours, theirs = [], []
    for _ in range(blocks):
        ours.append(_seconds(our_frame, frames))
        theirs.append(_seconds(reference_frame, frames))
    _, object_ids, logits = last["reference"]
    ious = []
    for object_id, one in zip(object_ids, logits[:, 0].numpy(), strict=True):
        found, expected = last["ours"].objects[object_id].mask, one > 0
        union = int((found | expected).sum())
        ious.append(int((found & expected).sum()) / union if union else 1.0)
    return {
        "model": name,
        "image_size": image_size,
        "objects": objects,
        "weights": weights,
        "frames_per_block": frames,
        "ours_seconds": ours,
        "reference_seconds": theirs,
        "mask_iou": min(ious),
    }


def _scene(number: int, objects: int) -> tuple[list[Image], list[BoolMask]]:
    scene = make_scene("demo")
    rng = np.random.default_rng(3)
    masks = []
    for _ in range(objects):
        mask = np.zeros((scene.height_px, scene.width_px), np.bool_)
        y, x = int(rng.integers(0, scene.height_px - 90)), int(rng.integers(0, scene.width_px - 90))
        mask[y : y + 90, x : x + 90] = True
        masks.append(mask)
    return [scene.render(index)[0] for index in range(number)], masks


def _reference(
    name: str, image_size: int, network: Network, pictures: list[Image], masks: list[BoolMask]
) -> Iterator[Any]:
    """sam2's predictor over the tensors that our network sees; resizing its frames is not charged to it."""
    options: dict[str, Any] = {"fill_hole_area": 0, "add_all_frames_to_correct_as_cond": True}
    if get_entry(name).sam2_config is None:
        options["cls"] = SAM2VideoPredictor
    else:
        options["_target_"] = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    predictor, _ = make_module(name, image_size, **options)
    squares = [network.normalise(to_square(picture, image_size, network.device))[0] for picture in pictures]
    loaded = (torch.stack(squares), *pictures[0].shape[:2])
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
        state = predictor.init_state("frames are given")
    for object_id, mask in enumerate(masks):
        predictor.add_new_mask(state, 0, object_id, torch.from_numpy(mask))
    outputs: Iterator[Any] = predictor.propagate_in_video(state)
    return outputs


def _seconds(frame: Callable[[], None], frames: int) -> float:
    started = time.perf_counter()
    for _ in range(frames):
        frame()
    return (time.perf_counter() - started) / frames


def render(result: dict[str, Any]) -> str:
    """The cases as a Markdown table."""
    lines = [
        describe_measurement(result),
        "",
        "| model | pixels | objects | weights | streamtrack | SAM2VideoPredictor "
        "| ratio, median (min to max) | mask IoU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in result["cases"]:
        ours, theirs = np.array(case["ours_seconds"]), np.array(case["reference_seconds"])
        ratios = theirs / ours
        lines.append(
            f"| {case['model']} | {case['image_size']} | {case['objects']} | {case['weights']} "
            f"| {1000 * np.median(ours):.0f} ms | {1000 * np.median(theirs):.0f} ms "
            f"| {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f}) | {case['mask_iou']:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure every case, write bench/results/peers.{json,md}, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--cases", default="nano:256:1,sam2.1-tiny:512:1,sam2.1-tiny:512:8,sam2.1-tiny:1024:1"
    )
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--frames", type=int, default=3, help="in each block")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(options.threads)
    cases = []
    for case in options.cases.split(","):
        name, size, objects = case.split(":")
        cases.append(measure(name, int(size), int(objects), blocks=options.blocks, frames=options.frames))
    write_result("peers", {"fill_frames": FILL_FRAMES, "cases": cases}, render)


if __name__ == "__main__":
    main()
