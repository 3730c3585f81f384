"""How well do masks fit? J, F and J&F of DAVIS on a folder in its layout, beside two baselines.

    python -m bench.bench_quality DAVIS --model nano --prompts box,click --sequences dog,camel
    python -m bench.bench_quality DAVIS --model sam2.1-tiny --set model.image_size=512 --name quality-512

The baselines start from the true first mask: one leaves it where it was, the other carries it by dense
optical flow (OpenCV's DIS, medium). The model starts from the prompt alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.davis_folder import Sequence, open_sequences
from bench.davis_metric import Statistics
from bench.environment import describe_measurement
from bench.quality import (
    Follower,
    PromptKind,
    SequenceResult,
    carry_by_flow,
    leave_in_place,
    mean_statistics,
    measure_quality,
    scored,
    tracker_follower,
)
from bench.quality_pictures import WorstFrames, plot_region
from bench.report import RESULTS, OneLineParser, whole, write_result
from bench.settings import HELP, read_settings
from streamtrack.config import ModelConfig
from streamtrack.errors import StreamTrackError
from streamtrack.tracking import Tracker
from streamtrack.weights.catalog import get_entry, require_checkpoint

BASELINES = {"left in place": leave_in_place, "optical flow": carry_by_flow}


def measure(
    follow: Follower, sequences: list[Sequence], prompt: PromptKind, worst: WorstFrames | None = None
) -> list[dict[str, Any]]:
    """One follower on every sequence, as plain values; tells stderr how it goes."""
    rows = []
    for result in measure_quality(follow, sequences, prompt, worst.see if worst else None):
        rows.append(as_row(result))
        print(f"{result.name}: J {result.region().mean:.3f} F {result.boundary().mean:.3f}", file=sys.stderr)
    return rows


def as_row(result: SequenceResult) -> dict[str, Any]:
    """A sequence's raw scores as plain values."""
    return {
        "sequence": result.name,
        "objects": {
            str(object_id): {
                "region": [round(value, 4) for value in one.region],
                "boundary": [round(value, 4) for value in one.boundary],
            }
            for object_id, one in result.objects.items()
        },
        "step_ms": [round(1000 * seconds, 2) for seconds in result.step_seconds],
    }


def render(result: dict[str, Any]) -> str:
    """One row for each prompt and sequence, then the means, as a Markdown table."""
    weights = ", ".join((f"weights {result['weights_sha256'][:8]}", *result["settings"]))
    baselines = list(result["baselines"].values())
    beside = [{row["sequence"]: row for row in rows} for rows in baselines]
    lines = [
        describe_measurement(result),
        f"{result['model']} at {result['image_size']} px ({weights}) starts from the first frame's prompt, "
        "the baselines from its true mask.",
        "",
        "| prompt | sequence | first J | J | J recall | J decay | F | F recall | F decay | J&F |"
        + "".join(f" {name}, J |" for name in result["baselines"]),
        "|---|---|" + "---|" * (8 + len(baselines)),
    ]
    means = []
    for run in result["runs"]:
        for row in run["sequences"]:
            others = [[by_name[row["sequence"]]] for by_name in beside]
            lines.append(_line(run["prompt"], row["sequence"], [row], others))
        # DAVIS weighs objects alike, not sequences.
        means.append(_line(run["prompt"], "**mean**", run["sequences"], baselines))
    return "\n".join(lines + means)


def headline(result: dict[str, Any]) -> str:
    """The same with the means alone."""
    named = {f"| {run['prompt']} | {row['sequence']} |" for run in result["runs"] for row in run["sequences"]}
    lines = render(result).splitlines()
    return "\n".join(line for line in lines if not line.startswith(tuple(named)))


def _line(prompt: str, title: str, rows: list[dict[str, Any]], others: list[list[dict[str, Any]]]) -> str:
    region, boundary = _statistics(rows, "region"), _statistics(rows, "boundary")
    first = np.mean([one["region"][0] for row in rows for one in row["objects"].values()])
    figures = [first, region.mean, region.recall, region.decay, boundary.mean, boundary.recall]
    figures += [boundary.decay, (region.mean + boundary.mean) / 2]
    figures += [_statistics(baseline, "region").mean for baseline in others]
    return f"| {prompt} | {title} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |"


def _statistics(rows: list[dict[str, Any]], measure: str) -> Statistics:
    return mean_statistics([scored(one[measure]) for row in rows for one in row["objects"].values()])


def _curves(result: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    lines = {f"{result['model']}, {run['prompt']}": run["sequences"] for run in result["runs"]}
    curves: dict[str, dict[str, list[float]]] = {}
    for follower, rows in {**lines, **result["baselines"]}.items():
        for row in rows:
            of_objects = [one["region"] for one in row["objects"].values()]
            curves.setdefault(row["sequence"], {})[follower] = np.mean(of_objects, axis=0).tolist()
    return curves


def weights_file(config: ModelConfig) -> Path:
    """The file that a model's weights come from; raises CheckpointError."""
    return config.checkpoint or require_checkpoint(get_entry(config.name))


def main() -> None:
    """Measure, write bench/results/NAME.{json,md} and the pictures, print the table."""
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds JPEGImages/RES/NAME and Annotations/RES/NAME")
    parser.add_argument("--sequences", help="comma-separated, or a file with one name a line; default: all")
    parser.add_argument("--resolution", help="folder under JPEGImages; default: the only one, else 480p")
    parser.add_argument("--model", default="nano", help="name of the catalog, or a weights file")
    parser.add_argument(
        "--prompts", default="box", help="of the first frame: click, box, mask; comma-separated"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=HELP)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--threads", type=whole(1), default=os.cpu_count() or 1)
    parser.add_argument("--no-baselines", action="store_true", help="the model alone")
    parser.add_argument(
        "--pictures", type=Path, default=Path("out/quality"), help="folder for the worst frames"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for JSON and table")
    parser.add_argument("--name", default="quality", help="of the files in that folder")
    options = parser.parse_args()
    try:
        write_result(options.name, _measure_all(options), render, options.out)
    except StreamTrackError as error:
        raise SystemExit(f"error: {error}") from error
    print(f"worst frames and curves: {options.pictures}", file=sys.stderr)


def _measure_all(options: argparse.Namespace) -> dict[str, Any]:
    model, tracking = read_settings(options.model, options.device, options.threads, options.set)
    sequences = open_sequences(options.folder, options.sequences, options.resolution)
    prompts = [PromptKind(prompt) for prompt in options.prompts.split(",")]
    tracker = Tracker.from_config(model)
    cv2.setNumThreads(1)
    result: dict[str, Any] = {
        "model": tracker.name,
        "image_size": tracker.image_size,
        "weights_sha256": hashlib.sha256(weights_file(model).read_bytes()).hexdigest(),
        "settings": options.set,
        "baselines": {},
        "runs": [],
    }
    if not options.no_baselines:
        for name, baseline in BASELINES.items():
            print(f"-- {name}", file=sys.stderr)
            result["baselines"][name] = measure(baseline, sequences, PromptKind.MASK)
    for prompt in prompts:
        print(f"-- {tracker.name}, {prompt}", file=sys.stderr)
        worst = WorstFrames()
        follow = tracker_follower(lambda: tracker.new_session(tracking))
        result["runs"].append(
            {"prompt": prompt.value, "sequences": measure(follow, sequences, prompt, worst)}
        )
        worst.write(options.pictures / f"worst_{prompt}")
    plot_region(_curves(result), options.pictures / "region.png")
    return result


if __name__ == "__main__":
    main()
