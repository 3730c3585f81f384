"""What each approximation costs in masks and gains in speed, one switch at a time and by preset.

    streamtrack bench pareto
    streamtrack bench pareto --davis DAVIS --speed-model nano

The cost is the loss of J&F that nano suffers, on synthetic scenes or on a folder in DAVIS layout, the mean
over starts from a box, a click and the true mask. The gain is the time of a frame, relative to exact and to
sam2's SAM2VideoPredictor, all in turns in one process, for a model whose weights may be random: they cost the
same time. At interval n a turn is n frames, the key frame and those that follow.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bench.davis_folder import open_sequences
from bench.environment import describe_measurement
from bench.models import SEED
from bench.peers.contender import Case
from bench.peers.sam2_video import Sam2Video
from bench.quality import Annotated, PromptKind, measure_quality, tracker_follower
from bench.report import make_parser, progress, refuse, table, write_result
from bench.scenario import MASK_SEED, add_objects, make_masks, make_pictures, time_steps
from bench.scene_sequence import SceneSequence
from bench.switches import Switch, all_switches
from streamtrack.errors import StreamTrackError
from streamtrack.frame import Image
from streamtrack.tracking import Session
from streamtrack.weights.catalog import get_entry

SCENES = ("demo", "occlusion", "many")
SCENE_FRAMES = 90
FILL_KEY_FRAMES = 7
"""Until all 6 memory frames are read; the pointers that come after weigh little."""
QUALITY_MODEL = "nano"
PROMPTS = tuple(PromptKind)
REFERENCE = "SAM2VideoPredictor"


def measure_cost(
    switch: Switch, sequences: Iterable[Annotated], threads: int
) -> dict[str, list[dict[str, Any]]]:
    """By prompt, J and F, 0 to 100, of each sequence."""
    tracker = switch.tracker(QUALITY_MODEL, threads, compile="off")
    follow = tracker_follower(lambda: switch.session(tracker))
    return {
        str(prompt): [
            {"sequence": one.name, "region": 100 * one.region().mean, "boundary": 100 * one.boundary().mean}
            for one in measure_quality(follow, sequences, prompt)
        ]
        for prompt in PROMPTS
    }


class Reference:
    """sam2's own predictor, one object."""

    interval = 1

    def __init__(self, model: str, pictures: list[Image], image_size: int, threads: int) -> None:
        """It wants every frame first."""
        case = Case(model, image_size, 1, len(pictures), "fp32", "cpu", threads)
        self._predictor = Sam2Video()
        self._predictor.start(case, pictures, np.stack(make_masks(1)))
        self._position = 0

    def run(self, frames: int) -> float:
        """Seconds of the next frames."""
        started = time.perf_counter()
        for _ in range(frames):
            self._predictor.step(self._position)
            self._position += 1
        return time.perf_counter() - started


class Ours:
    """A session with a switch on, one object."""

    def __init__(self, session: Session, pictures: list[Image]) -> None:
        """The session must be new."""
        add_objects(session, 1)
        self._session, self._pictures, self._position = session, pictures, 0
        self.interval = session._config.keyframe_interval

    def run(self, frames: int) -> float:
        """Seconds of the next frames."""
        turn = self._pictures[self._position : self._position + frames]
        self._position += frames
        return sum(time_steps(self._session, turn, "cpu"))


def measure_gain(
    switches: Mapping[str, Switch], model: str, image_size: int, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of a frame, one sample for each turn: by switch, and of the reference."""
    turns, threads = options.rounds, options.threads
    compile = "off" if options.quick else "on"
    longest = max(switch.tracking.get("keyframe_interval", 1) for switch in switches.values())
    pictures = make_pictures(longest * (FILL_KEY_FRAMES + turns))
    contenders: dict[str, Ours | Reference] = {}
    for name, switch in switches.items():
        tracker = switch.tracker(model, threads, image_size=image_size, compile=compile)
        contenders[name] = Ours(switch.session(tracker, max_objects=1, history_frames=4), pictures)
    contenders[REFERENCE] = Reference(model, pictures[: FILL_KEY_FRAMES + turns], image_size, threads)
    for name, contender in contenders.items():
        contender.run(FILL_KEY_FRAMES * contender.interval)
        progress(f"{name}: memory is full")
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(turns):
        for name, contender in contenders.items():
            seconds[name].append(contender.run(contender.interval) / contender.interval)
    return seconds


@dataclass(frozen=True)
class Point:
    """What a switch costs and gains."""

    costs: Mapping[str, float]
    """J&F lost, 0 to 100, by prompt."""
    seconds: float
    """Of a frame, median."""
    gain: float
    """Times as fast as exact: the median over the turns."""
    lead: float
    """Times as fast as the reference, likewise."""

    @property
    def cost(self) -> float:
        """The mean over the prompts."""
        return float(np.mean(list(self.costs.values())))


def points_of(result: dict[str, Any]) -> dict[str, Point]:
    """By switch."""
    rows = result["points"]
    exact = rows["exact"]
    return {
        name: Point(
            {
                prompt: score(exact["quality"][prompt]) - score(rows_)
                for prompt, rows_ in row["quality"].items()
            },
            float(np.median(row["seconds"])),
            float(np.median(np.divide(exact["seconds"], row["seconds"]))),
            float(np.median(np.divide(result["reference_seconds"], row["seconds"]))),
        )
        for name, row in rows.items()
    }


def score(rows: list[dict[str, Any]]) -> float:
    """Mean J&F of sequences, 0 to 100."""
    return float(np.mean([(one["region"] + one["boundary"]) / 2 for one in rows]))


def render(result: dict[str, Any]) -> str:
    """One row for each switch."""
    lines = [
        [
            name,
            f"{point.cost:+.1f}",
            *(f"{cost:+.1f}" for cost in point.costs.values()),
            f"{point.gain:.2f}",
            f"{point.lead:.2f}",
            f"{1000 * point.seconds:.0f} ms",
        ]
        for name, point in points_of(result).items()
    ]
    exact = ", ".join(
        f"{score(rows):.1f} from a {prompt}" for prompt, rows in result["points"]["exact"]["quality"].items()
    )
    header = [
        "switch",
        "cost in J&F",
        *(f"from a {prompt}" for prompt in PROMPTS),
        "times as fast as exact",
        f"as {REFERENCE}",
        "a frame",
    ]
    told = (
        f"Cost: {QUALITY_MODEL} on {result['truth']}; exact has a J&F of {exact}. "
        f"Gain: {result['speed_model']} at {result['image_size']} px, {result['compiled']}, "
        f"a full memory of one object, {REFERENCE} in fp32; medians over {result['rounds']} turns."
    )
    return f"{describe_measurement(result)}\n\n{told}\n\n{table(header, lines)}"


def headline(result: dict[str, Any]) -> str:
    """The presets alone."""
    points = points_of(result)
    shown = [
        [name.removeprefix("preset "), f"{point.cost:+.1f}", f"{point.gain:.2f}", f"{point.lead:.2f}"]
        for name, point in ({"quality": points["exact"]} | points).items()
        if name == "quality" or name.startswith("preset")
    ]
    return table(["preset", "cost in J&F", "times as fast as exact", f"as {REFERENCE}"], shown)


def draw(result: dict[str, Any], path: Path) -> None:
    """Cost against gain; the line joins the points that no other beats in both."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    points = {name: (point.lead, point.cost) for name, point in points_of(result).items()}
    best = sorted(
        (lead, cost)
        for lead, cost in points.values()
        if not any(g >= lead and c <= cost and (g, c) != (lead, cost) for g, c in points.values())
    )
    figure, panel = plt.subplots(figsize=(8, 5))
    panel.plot(*zip(*best, strict=True), color="#d29922", linewidth=1, zorder=1)
    # Slanted names keep clear of each other where points lie side by side.
    beside: dict[str, Any] = {"xytext": (5, 5), "textcoords": "offset points", "fontsize": 8, "rotation": 30}
    panel.scatter(1, 0, color="#57606a", marker="x", zorder=2)
    panel.annotate(REFERENCE, (1, 0), **beside)
    for name, (lead, cost) in points.items():
        preset = name.startswith("preset")
        panel.scatter(lead, cost, color="#d29922" if preset else "#1f6feb", s=50 if preset else 25, zorder=2)
        panel.annotate(name, (lead, cost), **beside)
    panel.set_xlabel(f"times as fast as {REFERENCE}, {result['speed_model']} at {result['image_size']} px")
    panel.set_ylabel(f"cost in J&F, {QUALITY_MODEL}, mean of three prompts")
    panel.margins(x=0.15, y=0.2)
    panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Measure every switch, write pareto.{json,md,png}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--speed-model", default="sam2.1-tiny")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each switch")
    parser.add_argument("--davis", type=Path, help="folder in DAVIS layout; default: synthetic scenes")
    options = parser.parse_args()
    switches, frames = all_switches(), SCENE_FRAMES
    scenes: tuple[str, ...] = SCENES
    if options.quick:
        options.speed_model, options.rounds = "nano", 1
        scenes, frames = SCENES[:1], 8
        switches = {name: switches[name] for name in ("exact", "memory_pool 2", "preset balanced")}
    # A preset that is one switch is measured once.
    same_as = {
        name: next(other for other, known in switches.items() if known == switch)
        for name, switch in switches.items()
    }
    distinct = {name: switch for name, switch in switches.items() if same_as[name] == name}
    cv2.setNumThreads(1)
    try:
        image_size = 128 if options.quick else get_entry(options.speed_model).image_size
        if options.davis is None:
            sequences: list[Annotated] = [SceneSequence(name, frames) for name in scenes]
        else:
            sequences = list(open_sequences(options.davis))
        points: dict[str, dict[str, Any]] = {}
        for name, switch in distinct.items():
            points[name] = {"quality": measure_cost(switch, sequences, options.threads)}
            found = ", ".join(
                f"{prompt} {score(rows):.1f}" for prompt, rows in points[name]["quality"].items()
            )
            progress(f"{name}: J&F {found}")
        gains = measure_gain(distinct, options.speed_model, image_size, options)
    except StreamTrackError as error:
        refuse(str(error))
    reference_seconds = gains.pop(REFERENCE)
    for name, seconds in gains.items():
        points[name]["seconds"] = seconds
    torch.set_num_threads(options.threads)
    kind = "synthetic scenes" if options.davis is None else "sequences in DAVIS layout"
    names = ", ".join(one.name for one in sequences)
    result = {
        "speed_model": options.speed_model,
        "image_size": image_size,
        "truth": f"{kind} ({names})",
        "compiled": "uncompiled" if options.quick else "compiled",
        "rounds": options.rounds,
        "seeds": {"weights": SEED, "masks": MASK_SEED},
        "reference_seconds": reference_seconds,
        "points": {name: points[same] for name, same in same_as.items()},
    }
    draw(write_result("pareto", result, render, options.out), options.out / "pareto.png")


if __name__ == "__main__":
    main()
