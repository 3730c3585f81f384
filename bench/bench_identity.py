"""Who keeps their identity with each memory plan: synthetic look-alikes that cross, swarm, leave and return.

    streamtrack bench identity
    streamtrack bench identity --weights my.safetensors --seeds 0-3 --plans recent,motion_aware

Three kinds of scenes in eight seeds each. Plans run in turns on the same frames, from the same masks. Kept:
at the end of the scene an object's mask is on the object. In time: it is told hidden or seen again within
three frames of the truth. Foreign: frames on which it is told `tracking` on somebody else who is followed.
HOTA and IDF1 are TrackEval's. The last table is what a step costs beside the first plan: the median by the
clock, the mean of the processor's time, which a busy machine changes less, and of that what is no pass of the
encoder. Objects that are followed where they are want a window each, where a plan that has both on one thing
encodes it once: that is not the plan's own work.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from bench.environment import describe_measurement
from bench.identity_scores import IdentityFrame, mask_similarity, score_identities
from bench.models import make_tracker
from bench.report import make_parser, progress, refuse, save_result, some_of, table, write_result
from bench.step_cost import StepCost
from streamtrack.config import TrackingConfig
from streamtrack.errors import StreamTrackError
from streamtrack.frame import BoolMask, FrameResult, ObjectMask, ObjectState, masks_iou
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Tracker

KINDS = ("swap", "lookalikes", "reentry")
PLANS = ("recent", "motion_aware", "distractor_aware")
SEEDS = 8
FRAMES = {"swap": 42, "lookalikes": 45, "reentry": 54}
FPS = 15
SEEN_PX = 40
"""Fewer visible pixels than this, and nobody can say whether an object is there."""
SAME = 0.5
"""IoU from which on a mask is that of a thing."""
IN_TIME = 3
"""Frames within which a change must be told."""
GONE = 5
"""Frames for which an object must stay hidden or seen for a change to count."""
LAST = 5
"""Frames at the end of a scene on which it is looked who is who."""
COSTS = ("step_ms", "processor_ms", "encoder_ms", "encoder_passes")
"""See `StepCost`; means of a plan's scenes."""
HERE = (ObjectState.TRACKING, ObjectState.UNCERTAIN)


@dataclass(slots=True)
class SceneScore:
    """One plan on one scene."""

    kept: list[bool] = field(default_factory=list)
    """By object."""
    in_time: list[bool] = field(default_factory=list)
    """By change of what is to be seen."""
    foreign: int = 0
    """Frames of objects that are told `tracking` on another object."""
    frames: list[IdentityFrame] = field(default_factory=list)
    overlap: list[float] = field(default_factory=list)
    """IoU with the truth, where there is something to be seen."""


def to_masks(truth: Mapping[int, BoolMask]) -> list[ObjectMask]:
    """The objects that are to be seen."""
    return [
        ObjectMask.from_mask(mask, key) for key, mask in truth.items() if np.count_nonzero(mask) >= SEEN_PX
    ]


def score_scene(results: Sequence[FrameResult], truths: Sequence[Mapping[int, BoolMask]]) -> SceneScore:
    """Who is who in a scene, by what was told of each frame."""
    score = SceneScore()
    seen = [to_masks(truth) for truth in truths]
    for result, there in zip(results, seen, strict=True):
        told = [one for one in result.objects.values() if one.area_px and one.state in HERE]
        similarity = mask_similarity(there, told)
        score.frames.append(
            IdentityFrame([one.object_id for one in there], [one.object_id for one in told], similarity)
        )
        for column, one in enumerate(told):
            row = int(similarity[:, column].argmax()) if there else -1
            is_foreign = (
                row >= 0 and similarity[row, column] >= SAME and there[row].object_id != one.object_id
            )
            score.foreign += int(is_foreign and one.state is ObjectState.TRACKING)
        for one in there:
            found = result.objects[one.object_id]
            score.overlap.append(masks_iou(one, found) if found.state in HERE else 0.0)
    for key in truths[0]:
        shown = [any(one.object_id == key for one in there) for there in seen]
        told_here = [result.objects[key].state in HERE for result in results]
        score.in_time += told_in_time(shown, told_here)
        score.kept += is_kept(key, results, seen)
    return score


def is_kept(key: int, results: Sequence[FrameResult], seen: Sequence[Sequence[ObjectMask]]) -> list[bool]:
    """Whether an object's mask is on it at the end; nothing where it is not to be seen then."""
    there = [
        (one, result.objects[key])
        for result, masks in zip(results[-LAST:], seen[-LAST:], strict=True)
        for one in masks
        if one.object_id == key
    ]
    if not there:
        return []
    return [float(np.median([masks_iou(one, found) for one, found in there])) >= SAME]


def told_in_time(shown: Sequence[bool], told: Sequence[bool]) -> list[bool]:
    """For each change of what is to be seen, once it has lasted, whether it was told within three frames."""
    in_time = []
    for index in range(GONE, len(shown) - GONE + 1):
        before, after = shown[index - GONE : index], shown[index : index + GONE]
        if len(set(before)) > 1 or len(set(after)) > 1 or before[0] == after[0]:
            continue
        in_time.append(after[0] in told[index : index + IN_TIME + 1])
    return in_time


def run_scene(
    tracker: Tracker, kind: str, seed: int, plans: Sequence[str], overlap: str
) -> dict[str, tuple[SceneScore, StepCost]]:
    """By plan: scores, and what the steps cost."""
    scene = make_scene(f"{kind}?width=320&height=180&fps={FPS}&seed={seed}")
    rendered = [scene.render(index) for index in range(FRAMES[kind])]
    sessions = {}
    for plan in plans:
        config = TrackingConfig.model_validate({"memory": plan, "overlap": overlap, "lost_after_ms": 1_000})
        sessions[plan] = tracker.new_session(config)
        for key, mask in rendered[0][1].items():
            sessions[plan].add(key, mask=mask)
    results: dict[str, list[FrameResult]] = {plan: [] for plan in plans}
    costs = {plan: StepCost() for plan in plans}
    for index, (image, _) in enumerate(rendered):
        # In turns, and another one first on each frame.
        for turn in range(len(plans)):
            plan = plans[(index + turn) % len(plans)]
            costs[plan].step(sessions[plan], image, results[plan].append)
    truths = [masks for _, masks in rendered]
    return {plan: (score_scene(results[plan], truths), costs[plan]) for plan in plans}


def to_row(score: SceneScore, cost: StepCost) -> dict[str, Any]:
    """What is kept of one plan on one scene: shares from 0 to 1, and counts."""
    return {
        "kept": score.kept,
        "in_time": score.in_time,
        "foreign": score.foreign,
        "region": float(np.mean(score.overlap)),
        **cost.as_json(),
        **score_identities(score.frames).as_json(),
    }


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of scenes with one plan: shares of all objects and changes, means of scores, sums of counts."""
    kept = [one for row in rows for one in row["kept"]]
    in_time = [one for row in rows for one in row["in_time"]]
    means = {
        name: float(np.mean([row[name] for row in rows]))
        for name in ("region", "hota", "detection", "association", "idf1", *COSTS)
        if all(name in row for row in rows)  # of older runs the processor's time is not known
    }
    return {
        "objects": len(kept),
        "kept": float(np.mean(kept)) if kept else None,
        "changes": len(in_time),
        "in_time": float(np.mean(in_time)) if in_time else None,
        "foreign": sum(row["foreign"] for row in rows),
        "switches": sum(row["switches"] for row in rows),
        **means,
    }


def render(result: dict[str, Any]) -> str:
    """A table of all scenes, one of each kind, and what a step costs."""
    kinds = ["all", *dict.fromkeys(name.partition(" ")[0] for name in result["scenes"])]
    parts = [describe_measurement(result)]
    for kind in kinds:
        heads = [f"{kind} scenes", "kept", "in time", "foreign frames", "switches", "HOTA", "IDF1", "J"]
        parts.append(table(heads, [_row(plan, one) for plan, one in by_plan(result, kind).items()]))
    everything = by_plan(result, "all")
    first = next(iter(everything.values()))
    heads = ["plan", "step, ms", "beside the first"]
    if "processor_ms" in first:
        heads += ["processor's time, ms", "beside the first", "encoder passes", "its own work"]
    parts.append(table(heads, [[plan, *_cost(one, first)] for plan, one in everything.items()]))
    return "\n\n".join(parts)


def headline(result: dict[str, Any]) -> str:
    """The table of all scenes."""
    heads = ["plan", "kept", "in time", "foreign frames", "switches", "HOTA", "IDF1", "J"]
    return table(heads, [_row(plan, one) for plan, one in by_plan(result, "all").items()])


def by_plan(result: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The summary of each plan on the scenes of a kind, or on `all`."""
    rows = [by for name, by in result["scenes"].items() if kind in ("all", name.partition(" ")[0])]
    return {plan: summarise([by[plan] for by in rows]) for plan in result["plans"]}


def _row(plan: str, one: Mapping[str, Any]) -> list[object]:
    def share(name: str, of: str) -> str:
        return "-" if one[name] is None else f"{100 * one[name]:.0f} % of {one[of]}"

    scores = [f"{100 * one[name]:.1f}" for name in ("hota", "idf1", "region")]
    counts = [one["foreign"], one["switches"]]
    return [plan, share("kept", "objects"), share("in_time", "changes"), *counts, *scores]


def _cost(one: Mapping[str, Any], first: Mapping[str, Any]) -> list[str]:
    def beside(more: float, name: str) -> str:
        return f"{100 * more / first[name]:+.1f} %"

    more = {name: one[name] - first[name] for name in COSTS if name in first}
    by_clock = [f"{one['step_ms']:.1f}", beside(more["step_ms"], "step_ms")]
    if "processor_ms" not in first:
        return by_clock
    worked = [f"{one['processor_ms']:.1f}", beside(more["processor_ms"], "processor_ms")]
    own = beside(more["processor_ms"] - more["encoder_ms"], "processor_ms")
    return [*by_clock, *worked, f"{one['encoder_passes']:.2f}", own]


def is_whole(rows: Mapping[str, Mapping[str, Any]], plans: Sequence[str]) -> bool:
    """Whether a scene that is there already has everything that is asked for."""
    return all(set(COSTS) <= set(rows.get(plan, {})) for plan in plans)


def parse_seeds(text: str) -> range:
    """`3` or `0-7`.

    Raises:
        ValueError: it is neither.
    """
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or int(last or first) < int(first):
        raise ValueError(f"--seeds is {text!r}, expected one such as 3, or a range such as 0-7")
    return range(int(first), int(last or first) + 1)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the tables are made of."""
    plans = options.plans.split(",")
    seeds = range(1) if options.quick else parse_seeds(options.seeds)
    kinds = KINDS[:1] if options.quick else options.kinds.split(",")
    if options.weights is None:
        tracker, _ = make_tracker(
            options.model, threads=options.threads, device="cpu", image_size=options.image_size, compile="off"
        )
    else:
        tracker = Tracker.from_checkpoint(
            options.weights, device="cpu", threads=options.threads, image_size=options.image_size
        )
    path = options.out / "identity.json"
    known = {}
    if options.resume and path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))["scenes"]
    result: dict[str, Any] = {
        "model": options.weights or options.model,
        "image_size": tracker.image_size,
        "plans": plans,
        "overlap": options.overlap,
        "scenes": {name: rows for name, rows in known.items() if is_whole(rows, plans)},
    }
    for kind in kinds:
        for seed in seeds:
            if f"{kind} {seed}" in result["scenes"]:
                continue
            found = run_scene(tracker, kind, seed, plans, options.overlap)
            rows = {plan: to_row(*of_plan) for plan, of_plan in found.items()}
            result["scenes"][f"{kind} {seed}"] = rows
            save_result("identity", result, render, options.out)
            told = ", ".join(f"{plan} {row['kept']} {row['in_time']}" for plan, row in rows.items())
            progress(f"{kind} {seed}: kept and in time: {told}")
    return result


def main() -> None:
    """Measure, write identity.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", help="a weights file in place of a model of the catalog")
    parser.add_argument("--image-size", type=int, help="`model.image_size`; default: the model's own")
    parser.add_argument(
        "--plans",
        type=some_of(*PLANS),
        default=",".join(PLANS),
        help="values of tracking.memory, with commas",
    )
    parser.add_argument("--kinds", type=some_of(*KINDS), default=",".join(KINDS), help="scenes, with commas")
    parser.add_argument("--seeds", default=f"0-{SEEDS - 1}", help="one, or a range such as 0-7")
    parser.add_argument("--resume", action="store_true", help="keep the scenes that --out has already")
    parser.add_argument(
        "--overlap", default="allow", choices=("allow", "best_wins"), help="`tracking.overlap`"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        write_result("identity", measure(options), render, options.out)
    except (StreamTrackError, ValueError) as error:
        refuse(str(error))


if __name__ == "__main__":
    main()
