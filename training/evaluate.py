"""Measure weights with the product's own tracker: `python -m training.evaluate WEIGHTS --davis FOLDER ...`.

Three questions: real video from a first-frame box or click (folders in DAVIS layout), held-out
synthetic clips with occlusions, and the product's own scenes with their shown seeds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from streamtrack.config import TrackingConfig
from streamtrack.model.build import LoadedModel
from streamtrack.model.nano.build import IMAGE_SIZE_PX, build_nano
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Tracker
from training.bank import Image, read_labels, read_photo
from training.baselines import flow_masks, static_masks
from training.clips import ClipSource, Mixture
from training.measures import region_similarity, roc_auc
from training.prompts import boxes_on, clicks_on
from training.scenes import SCENES
from training.starts import trunk_of

logger = logging.getLogger(__name__)

BoolMask = npt.NDArray[np.bool_]

HELD_OUT_SEED = 7
HELD_OUT_FRAMES = 24
SCENE_SECONDS = 20
"""Length of a scene's run; IoU is taken on every frame on which the object is visible."""
LOSS_TOLD_WITHIN = 5
"""Frames after an object's leaving by which its object score must be below a half."""


def load_tracker(weights: Path) -> Tracker:
    """The product's tracker with the weights of a file, or the running average of a training checkpoint."""
    if weights.suffix == ".pt":
        state = torch.load(weights, weights_only=True)
        state = state.get("average", state)
    else:
        state = load_file(weights)
    network = build_nano(trunk=trunk_of(weights)).eval()
    network.load_state_dict({name: value.float() for name, value in state.items()})
    return Tracker(LoadedModel("nano", Sam2Network(network), "fp32"))


def follow(
    tracker: Tracker,
    frames: Sequence[Image],
    prompt: dict[str, Any],
    config: TrackingConfig | None = None,
) -> Iterator[tuple[BoolMask, float]]:
    """Mask and object score of one object on every frame; without a `config` by the model's defaults."""
    session = tracker.new_session(config)
    session.add(1, **prompt)
    for frame in frames:
        found = session.step(frame).objects[1]
        yield found.mask, found.object_score


def box_prompt(mask: BoolMask) -> dict[str, Any]:
    """The exact box around a mask as a prompt."""
    return {"box": tuple(boxes_on(mask[None], None).coords[0].flatten().tolist())}


def click_prompt(mask: BoolMask) -> dict[str, Any]:
    """A click on the innermost point of a mask."""
    return {"points": clicks_on(mask[None], None).coords[0].tolist(), "labels": [1]}


@dataclass(frozen=True)
class Film:
    """How the sequences of a folder are followed."""

    prompts: Sequence[str] = ("box", "click")
    """Of the first frame."""
    windows: Sequence[Literal["off", "auto"] | float] = ("auto",)
    """Values of `tracking.window`, each measured."""
    frames: int = 0
    """Of each sequence, from its first on; 0: all."""
    names: Sequence[str] = ()
    """Only these; none named: all."""
    baselines: bool = False
    """Also the true first mask left in place, and moved by optical flow."""


def measure_davis(tracker: Tracker, folders: Sequence[Path], film: Film) -> dict[str, Any]:
    """Mean J of every sequence, first and last frame left out as DAVIS does, and of its first mask.

    The answer's `sequences` are by name; each has rows named after window and prompt, such as `auto box`.
    """
    table: dict[str, dict[str, dict[str, float]]] = {}
    for sequence in (s for folder in folders for s in sorted((folder / "JPEGImages" / "480p").iterdir())):
        if film.names and sequence.name not in film.names:
            continue
        annotations = sequence.parents[2] / "Annotations" / "480p" / sequence.name
        stop = film.frames or None
        frames = [read_photo(path) for path in sorted(sequence.glob("*.jpg"))[:stop]]
        truth = [read_labels(path) > 127 for path in sorted(annotations.glob("*.png"))[:stop]]
        rows = {}
        for window, prompt in itertools.product(film.windows, film.prompts):
            make_prompt = {"box": box_prompt, "click": click_prompt}[prompt]
            # What the network has learned, without what a plan of memory adds.
            config = TrackingConfig(window=window, memory="recent")
            found = follow(tracker, frames, make_prompt(truth[0]), config)
            tracked = [mask for mask, _ in found]
            first = region_similarity(tracked[0], truth[0])
            rows[f"{window} {prompt}"] = {
                "first": round(first, 4),
                "j": round(_mean_j(tracked, truth), 4),
            }
        if film.baselines:
            for name, make in (("static", static_masks), ("flow", flow_masks)):
                rows[name] = {"first": 1.0, "j": round(_mean_j(list(make(truth[0], frames)), truth), 4)}
        table[sequence.name] = rows
        logger.info("%s %s", sequence.name, rows)
    columns = next(iter(table.values()))
    mean = {
        name: {
            key: round(float(np.mean([rows[name][key] for rows in table.values()])), 4)
            for key in ("first", "j")
        }
        for name in columns
    }
    return {"mean": mean, "sequences": table}


def _mean_j(masks: Sequence[BoolMask], truth: Sequence[BoolMask]) -> float:
    pairs = list(zip(masks, truth, strict=True))[1:-1]
    return float(np.mean([region_similarity(mask, true) for mask, true in pairs]))


def measure_held_out(tracker: Tracker, work: Path, num_clips: int) -> dict[str, float]:
    """Mean J on held-out 24-frame clips with occlusions, by prompt, and how well loss is told."""
    source = ClipSource(
        work, seed=HELD_OUT_SEED, held_out=True, mixture=Mixture(composed=2, labelled=1, tracks=1, scenes=0)
    )
    clips = [source.sample(IMAGE_SIZE_PX, HELD_OUT_FRAMES, 1) for _ in range(num_clips)]
    result: dict[str, float] = {}
    for kind, make_prompt in (("click", click_prompt), ("box", box_prompt)):
        first, later, visible, hidden, told = [], [], [], [], []
        for clip in clips:
            truth = clip.masks[0]
            outcome = list(follow(tracker, list(clip.frames), make_prompt(truth[0])))
            ious = [region_similarity(mask, true) for (mask, _), true in zip(outcome, truth, strict=True)]
            first.append(ious[0])
            later.append(float(np.mean(ious[1:])))
            present = truth.any((1, 2))
            scores = np.array([score for _, score in outcome])
            visible += scores[1:][present[1:]].tolist()
            hidden += scores[1:][~present[1:]].tolist()
            told += loss_told(present, scores)
        result |= {f"{kind}_first": float(np.mean(first)), f"{kind}_tracked": float(np.mean(later))}
        if visible and hidden:
            result[f"{kind}_visible_auc"] = roc_auc(visible, hidden)
            result[f"{kind}_visible_called_hidden"] = float((np.array(visible) < 0.5).mean())
            result[f"{kind}_hidden_called_visible"] = float((np.array(hidden) >= 0.5).mean())
        if told:
            result |= {f"{kind}_loss_told": float(np.mean(told)), f"{kind}_losses": float(len(told))}
    return {name: round(value, 4) for name, value in result.items()}


def loss_told(present: BoolMask, scores: npt.NDArray[np.float64]) -> list[bool]:
    """For each leaving that lasts LOSS_TOLD_WITHIN frames: did the object score fall below a half in time?"""
    told = []
    for t in range(1, len(present) - LOSS_TOLD_WITHIN + 1):
        gone = not present[t : t + LOSS_TOLD_WITHIN].any()
        if present[t - 1] and gone:
            told.append(bool((scores[t : t + LOSS_TOLD_WITHIN] < 0.5).any()))
    return told


def measure_scenes(tracker: Tracker, seconds: float) -> dict[str, float]:
    """Mean IoU on the product's scenes as shown, all objects at once, from boxes on the first frame."""
    result = {}
    for name in SCENES:
        scene = make_scene(name)
        session = tracker.new_session()
        ious: dict[int, list[float]] = {}
        for index in range(int(seconds * scene.fps)):
            image, masks = scene.render(index)
            for object_id, mask in masks.items():
                if object_id not in ious and mask.sum() >= 64:
                    session.add(object_id, **box_prompt(mask))
                    ious[object_id] = []
            found = session.step(image).objects
            for object_id in ious:
                if masks[object_id].any():
                    ious[object_id].append(region_similarity(found[object_id].mask, masks[object_id]))
        result[name] = round(float(np.mean([np.mean(values) for values in ious.values()])), 4)
        logger.info("%s %s", name, {object_id: round(float(np.mean(v)), 3) for object_id, v in ious.items()})
    return result


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="nano.safetensors, or a run's last.pt")
    parser.add_argument(
        "--davis", type=Path, nargs="*", default=(), help="folders with JPEGImages/480p and Annotations/480p"
    )
    parser.add_argument("--sequences", nargs="*", default=(), help="only these of the folders")
    parser.add_argument("--prompts", nargs="*", choices=("box", "click"), default=("box", "click"))
    parser.add_argument("--windows", nargs="*", default=("auto",), help="values of tracking.window")
    parser.add_argument("--baselines", action="store_true", help="and two that start from the true mask")
    parser.add_argument("--frames", type=int, default=0, help="of each sequence; 0: all")
    parser.add_argument("--work", type=Path, help="folder that training.build filled: measure held-out clips")
    parser.add_argument("--clips", type=int, default=120, help="number of held-out clips")
    parser.add_argument("--scene-seconds", type=float, default=SCENE_SECONDS, help="0: no scenes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    tracker = load_tracker(arguments.weights)
    result: dict[str, Any] = {"weights": arguments.weights.name}
    if arguments.davis:
        windows = [w if w in ("off", "auto") else float(w) for w in arguments.windows]
        film = Film(arguments.prompts, windows, arguments.frames, arguments.sequences, arguments.baselines)
        result["davis"] = measure_davis(tracker, arguments.davis, film)
    if arguments.work:
        result["held_out"] = measure_held_out(tracker, arguments.work, arguments.clips)
    if arguments.scene_seconds:
        result["scenes"] = measure_scenes(tracker, arguments.scene_seconds)
    text = json.dumps(result, indent=1)
    logger.info("%s", text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
