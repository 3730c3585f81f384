"""What a budget a frame brings and costs: 4 objects, 32 objects, and 32 of which the network looks at a few.

    streamtrack bench budget
    streamtrack bench budget --per-step 4,6,8 --window off

All sessions follow the same crowd, whose masks are known, and take turns frame by frame in one process: speed
and masks (J and F of DAVIS) are of the same run. What counts is the speed of 32 objects beside that of 4, and
their masks beside those of 32 that are all looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.davis_metric import boundary_measure
from bench.environment import describe_measurement
from bench.models import is_compiled, make_tracker
from bench.quality import PromptKind, make_prompt
from bench.report import make_parser, progress, refuse, table, whole, write_result
from bench.scenario import time_steps
from bench.scene_sequence import SceneSequence
from streamtrack.config import TrackingConfig
from streamtrack.errors import StreamTrackError
from streamtrack.frame import BoolMask, Image
from streamtrack.tracking import Session, Tracker
from training.measures import region_similarity

CROWD = "crowd?width=1280&height=720"
FEW = 4
FRAMES = 60
WARM_UP = 4
"""Frames whose time does not count."""
SCORED_EVERY = 3
"""F takes longer than a step: every so many frames are scored."""
LEAST_SHARE, MOST_COST = 0.6, 1.5
"""What is asked for: of the speed of a few objects, and points of J&F."""


@dataclass
class Contender:
    """One session, and what it took and found."""

    title: str
    session: Session
    objects: Sequence[int]
    seconds: list[float] = field(default_factory=list)
    region: list[float] = field(default_factory=list)
    boundary: list[float] = field(default_factory=list)
    longest: int = 0
    """Frames in a row over which an object was carried."""

    def step(self, picture: Image, device: str) -> None:
        """Follow everybody onto a picture."""
        self.seconds += time_steps(self.session, [picture], device)

    def score(self, truth: Mapping[int, BoolMask]) -> None:
        """Compare the newest masks with the truth."""
        found = self.session.result().objects
        self.region.append(float(np.mean([region_similarity(found[o].mask, truth[o]) for o in self.objects])))
        self.boundary.append(
            float(np.mean([boundary_measure(found[o].mask, truth[o]) for o in self.objects]))
        )
        self.longest = max(self.longest, *(found[o].carried_frames for o in self.objects))


def make_contenders(
    tracker: Tracker, first: Mapping[int, BoolMask], options: argparse.Namespace
) -> list[Contender]:
    """Few objects, all of them, and all of them with each budget."""
    everybody = list(first)
    few = everybody[:: max(1, len(everybody) // FEW)][:FEW]
    cases: list[tuple[str, Sequence[int], dict[str, Any]]] = [
        (f"{len(few)} objects", few, {}),
        (f"{len(everybody)} objects", everybody, {}),
    ]
    for per_step in options.per_step:
        budget = {"objects_per_step": per_step, "max_carried_frames": options.max_carried}
        cases.append((f"{len(everybody)} objects, {per_step} a frame", everybody, budget))
    found = []
    for title, objects, keys in cases:
        config = TrackingConfig.model_validate(
            {"max_objects": len(everybody), "window": options.window, **keys}
        )
        session = tracker.new_session(config)
        for object_id in objects:
            session.add(object_id, **make_prompt(first[object_id], PromptKind.BOX))
        found.append(Contender(title, session, objects))
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the table is made of."""
    tracker, _ = make_tracker(
        options.model,
        threads=options.threads,
        device=options.device,
        image_size=options.image_size,
        compile="off" if options.quick else "auto",
    )
    crowd = SceneSequence(options.scene, options.frames)
    first = dict(list(crowd.truth(0)[0].items())[: options.objects])
    contenders = make_contenders(tracker, first, options)
    for index, picture in enumerate(crowd.frames()):
        for one in contenders:
            one.step(picture, tracker.device)
        if index and index % SCORED_EVERY == 0:
            for one in contenders:
                one.score(crowd.truth(index)[0])
        if index % 10 == 9:
            told = (f"{one.title} {1000 * np.median(one.seconds[1:]):.0f} ms" for one in contenders)
            progress(f"frame {index + 1} of {options.frames}: " + ", ".join(told))
    return {
        "model": options.model,
        "image_size": tracker.image_size,
        "compiled": "compiled" if is_compiled(tracker) else "uncompiled",
        "window": options.window,
        "frames": options.frames,
        "scene": options.scene,
        "max_carried_frames": options.max_carried,
        "rows": [
            {
                "title": one.title,
                "seconds": one.seconds,
                "region": 100 * float(np.mean(one.region)),
                "boundary": 100 * float(np.mean(one.boundary)),
                "longest": one.longest,
            }
            for one in contenders
        ],
    }


def render(result: dict[str, Any]) -> str:
    """Speed and masks by session."""
    told = (
        f"{result['model']} at {result['image_size']} px, {result['compiled']}, `tracking.window: "
        f"{result['window']}`, `max_carried_frames: {result['max_carried_frames']}`; {result['frames']} "
        f"frames of {result['scene']}, from boxes. Asked for: {LEAST_SHARE:.0%} of the speed of the few, and "
        f"at most {MOST_COST} points of J&F below all of them looked at."
    )
    few, everybody = result["rows"][:2]
    lines = []
    for row in result["rows"]:
        share = _fps(row) / _fps(few)
        cost = "" if row is few else f"{_both(everybody) - _both(row):+.1f}"
        lines.append(
            [
                row["title"],
                f"{_fps(row):.1f}",
                f"{share:.0%}",
                f"{_both(row):.1f}",
                cost,
                f"{row['region']:.1f}",
                f"{row['boundary']:.1f}",
                row["longest"],
            ]
        )
    heads = ["", "FPS", f"of {few['title']}", "J&F", "costs", "J", "F", "carried at most, frames"]
    return "\n\n".join([describe_measurement(result), told, table(heads, lines)])


def _fps(row: dict[str, Any]) -> float:
    seconds = row["seconds"][WARM_UP:] or row["seconds"]
    return 1 / float(np.median(seconds))


def _both(row: dict[str, Any]) -> float:
    return float(row["region"] + row["boundary"]) / 2


def parse_counts(text: str) -> list[int]:
    """`4,6` as numbers.

    Raises:
        ValueError: something else.
    """
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise ValueError(f"--per-step is {text!r}, expected numbers of at least 1, with commas")
    return [int(part) for part in parts]


def main() -> None:
    """Measure, write budget.{json,md}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int, help="`model.image_size`; default: the model's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--per-step", default="4,5,6", help="values of tracking.objects_per_step, with commas"
    )
    parser.add_argument("--max-carried", type=whole(1), default=8, help="`tracking.max_carried_frames`")
    parser.add_argument("--window", default="auto", choices=("auto", "off"), help="`tracking.window`")
    parser.add_argument("--scene", default=CROWD, help="a synthetic scene")
    parser.add_argument("--objects", type=whole(1), default=32, help="of the scene, at most")
    parser.add_argument("--frames", type=whole(2), default=FRAMES)
    options = parser.parse_args()
    if options.quick:
        options.frames, options.objects, options.per_step, options.window = 5, 6, "4", "off"
        options.image_size = 128
    try:
        options.per_step = parse_counts(options.per_step)
        write_result("budget", measure(options), render, options.out)
    except (StreamTrackError, ValueError) as error:
        refuse(str(error))


if __name__ == "__main__":
    main()
