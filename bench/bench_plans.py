"""J and F of every memory plan side by side: what telling look-alikes apart costs where there are none.

    streamtrack bench plans DAVIS
    streamtrack bench plans DAVIS MORE --frames 25 --memory recent,motion_aware --resume

On folders in DAVIS layout (JPEGImages/RES/NAME, Annotations/RES/NAME): every sequence is followed once with
each plan, from the same prompt, and scored as DAVIS does (the first frame is given, the last one left out).
What was measured is written after each sequence; --resume goes on from there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.davis_folder import Sequence as AnnotatedClip
from bench.davis_folder import open_sequences
from bench.environment import describe_measurement
from bench.quality import PromptKind, SequenceResult, measure_quality, tracker_follower
from bench.report import make_parser, progress, refuse, save_result, some_of, table, write_result
from bench.settings import HELP, read_settings
from streamtrack.config import TrackingConfig
from streamtrack.errors import ConfigError, StreamTrackError
from streamtrack.model.weights_digest import weights_sha256
from streamtrack.tracking import Tracker

PLANS = ("recent", "motion_aware", "distractor_aware")
QUICK_SEQUENCES, QUICK_FRAMES = 1, 6
MADE_WITH = ("model", "image_size", "weights_sha256", "settings", "prompt", "frames")
"""What must be the same where a run is gone on with."""

Row = Mapping[str, Mapping[str, float]]
"""A sequence: by plan, J and F, 0 to 1, mean over its objects."""


def to_scores(result: SequenceResult) -> dict[str, float]:
    """What is kept of one plan on one sequence."""
    return {"region": round(result.region().mean, 4), "boundary": round(result.boundary().mean, 4)}


def both(scores: Mapping[str, float]) -> float:
    """J&F."""
    return (scores["region"] + scores["boundary"]) / 2


def mean_of(rows: Sequence[Row], plan: str) -> dict[str, float]:
    """A plan's scores over sequences, each weighing alike."""
    return {name: float(np.mean([row[plan][name] for row in rows])) for name in ("region", "boundary")}


def render(result: dict[str, Any]) -> str:
    """The means, then J&F of every sequence with each plan."""
    plans, rows = result["plans"], result["sequences"]
    heads = ["sequence", *(f"{plan}, J&F" for plan in plans)]
    each = table(heads, [[name, *(f"{both(row[plan]):.3f}" for plan in plans)] for name, row in rows.items()])
    return f"{headline(result)}\n\n{each}"


def headline(result: dict[str, Any]) -> str:
    """The means alone, beside the first plan."""
    plans, rows = result["plans"], list(result["sequences"].values())
    said = (
        f"{result['model']} at {result['image_size']} px, {len(rows)} sequences, the first "
        f"{result['frames']} frames of each, from a {result['prompt']}."
    )
    heads = ["plan", "J", "F", "J&F", "beside the first, points", "largest loss", "largest gain"]
    means = table(heads, [_line(rows, plan, plans[0]) for plan in plans])
    return "\n\n".join((describe_measurement(result), said, means))


def _line(rows: Sequence[Row], plan: str, first: str) -> list[str]:
    mean = mean_of(rows, plan)
    more = [100 * (both(row[plan]) - both(row[first])) for row in rows]
    figures = [f"{figure:.3f}" for figure in (mean["region"], mean["boundary"], both(mean))]
    return [plan, *figures, *(f"{points:+.1f}" for points in (float(np.mean(more)), min(more), max(more)))]


def first_frames(sequence: AnnotatedClip, frames: int) -> AnnotatedClip:
    """The sequence cut short."""
    return replace(
        sequence,
        frame_paths=sequence.frame_paths[:frames],
        annotation_paths=sequence.annotation_paths[:frames],
    )


def open_folders(folders: Sequence[Path], names: str | None, frames: int) -> list[AnnotatedClip]:
    """The sequences of all folders, cut short.

    Raises:
        ConfigError: a folder holds none, or two folders one of the same name.
    """
    found = [first_frames(one, frames) for folder in folders for one in open_sequences(folder, names)]
    seen = [one.name for one in found]
    if twice := next((name for name in seen if seen.count(name) > 1), None):
        raise ConfigError(f"{twice} is in several folders, expected each sequence once")
    return found


def known_rows(path: Path, made_with: Mapping[str, Any], plans: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The sequences that a broken-off run has measured with every plan.

    Raises:
        ConfigError: the file is of other settings.
    """
    if not path.is_file():
        return {}
    known = json.loads(path.read_text(encoding="utf-8"))
    for name in MADE_WITH:
        if known.get(name) != made_with[name]:
            raise ConfigError(
                f"--resume: {path} was made with {name} {known.get(name)}, expected {made_with[name]}"
            )
    return {name: row for name, row in known["sequences"].items() if set(plans) <= row.keys()}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the tables are made of."""
    plans = options.memory.split(",")
    frames = QUICK_FRAMES if options.quick else options.frames
    sequences = open_folders(options.folders, options.sequences, frames)
    if options.quick:
        sequences = sequences[:QUICK_SEQUENCES]
    configs: dict[str, TrackingConfig] = {}
    for plan in plans:
        asked = [*options.set, f"tracking.memory={plan}"]
        model, configs[plan] = read_settings(options.model, options.device, options.threads, asked)
    tracker = Tracker.from_config(model)
    result: dict[str, Any] = {
        "model": tracker.name,
        "image_size": tracker.image_size,
        "weights_sha256": weights_sha256(tracker.model.network.module),
        "settings": options.set,
        "prompt": options.prompt,
        "frames": frames,
        "plans": plans,
    }
    path = options.out / "plans.json"
    result["sequences"] = known_rows(path, result, plans) if options.resume else {}
    for sequence in sequences:
        if sequence.name in result["sequences"]:
            continue
        row = {}
        for plan, config in configs.items():
            follow = tracker_follower(partial(tracker.new_session, config))
            [found] = measure_quality(follow, [sequence], PromptKind(options.prompt))
            row[plan] = to_scores(found)
        result["sequences"][sequence.name] = row
        save_result("plans", result, render, options.out)
        progress(f"{sequence.name}: J&F " + ", ".join(f"{plan} {both(row[plan]):.3f}" for plan in plans))
    return result


def main() -> None:
    """Measure, write plans.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="each holds JPEGImages and Annotations")
    parser.add_argument("--sequences", help="comma-separated, or a file with one name a line; default: all")
    parser.add_argument("--frames", type=int, default=25, help="of each sequence, its first; 3 at least")
    parser.add_argument(
        "--memory",
        type=some_of(*PLANS),
        default=",".join(PLANS),
        help="values of tracking.memory, with commas",
    )
    parser.add_argument("--model", default="nano", help="name of the catalog, or a weights file")
    parser.add_argument("--prompt", default="box", choices=[kind.value for kind in PromptKind])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=HELP)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--resume", action="store_true", help="keep the sequences that --out has already")
    options = parser.parse_args()
    if options.frames < 3:
        refuse(f"--frames is {options.frames}, expected 3 or more: the first and the last are not scored")
    cv2.setNumThreads(1)
    try:
        write_result("plans", measure(options), render, options.out)
    except StreamTrackError as error:
        refuse(str(error))


if __name__ == "__main__":
    main()
