"""What each approximation costs in masks and gains in speed, one switch at a time and by preset.

    streamtrack bench pareto
    streamtrack bench pareto --davis DAVIS --speed-model nano

The cost is the loss of J&F that nano suffers, on synthetic scenes or on a folder in DAVIS layout, from box
prompts. The gain is the time of a frame relative to exact, all contenders in turns on one machine, for a
model whose weights may be random: they cost the same time. At interval n a turn is n frames, the key frame
and those that follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bench.davis_folder import open_sequences
from bench.environment import describe_measurement
from bench.models import SEED, make_tracker
from bench.quality import Annotated, PromptKind, measure_quality, tracker_follower
from bench.report import make_parser, progress, refuse, table, write_result
from bench.scenario import MASK_SEED, add_objects, make_pictures, time_steps
from bench.scene_sequence import SceneSequence
from streamtrack.config import TrackingConfig
from streamtrack.errors import StreamTrackError
from streamtrack.presets import PRESETS
from streamtrack.tracking import Session, Tracker

SCENES = ("demo", "occlusion", "many")
SCENE_FRAMES = 90
FILL_KEY_FRAMES = 7
"""Until all 6 memory frames are read; the pointers that come after weigh little."""
QUALITY_MODEL = "nano"


@dataclass(frozen=True)
class Switch:
    """Config keys that a point turns on."""

    model: Mapping[str, Any] = field(default_factory=dict)
    tracking: Mapping[str, Any] = field(default_factory=dict)

    def tracker(self, name: str, threads: int, **model: Any) -> Tracker:
        """A model with the switch on."""
        return make_tracker(name, threads=threads, **model, **self.model)[0]

    def session(self, tracker: Tracker, **tracking: Any) -> Session:
        """A session with the switch on."""
        return tracker.new_session(TrackingConfig(**tracking, **self.tracking))


SWITCHES: dict[str, Switch] = {
    "exact": Switch(),
    "memory_pool 2": Switch(model={"memory_pool": 2}),
    "memory_frames 3": Switch(tracking={"memory_frames": 3}),
    "memory_frames 1": Switch(tracking={"memory_frames": 1}),
    "keyframe_interval 2": Switch(tracking={"keyframe_interval": 2}),
    "keyframe_interval 4": Switch(tracking={"keyframe_interval": 4}),
    **{
        f"preset {name}": Switch(preset.model, preset.tracking)
        for name, preset in PRESETS.items()
        if name != "quality"
    },
}


def measure_cost(switch: Switch, sequences: Iterable[Annotated], threads: int) -> list[dict[str, Any]]:
    """J and F, 0 to 100, of each sequence."""
    tracker = switch.tracker(QUALITY_MODEL, threads)
    follow = tracker_follower(lambda: switch.session(tracker))
    return [
        {"sequence": one.name, "region": 100 * one.region().mean, "boundary": 100 * one.boundary().mean}
        for one in measure_quality(follow, sequences, PromptKind.BOX)
    ]


def measure_gain(
    switches: Mapping[str, Switch], model: str, threads: int, rounds: int, image_size: int | None
) -> dict[str, list[float]]:
    """Seconds of a frame by switch, one sample for each turn."""
    pictures = make_pictures(4 * (FILL_KEY_FRAMES + rounds))
    sessions, positions = {}, {}
    for name, switch in switches.items():
        tracker = switch.tracker(model, threads, image_size=image_size, device="cpu", compile="off")
        sessions[name] = switch.session(tracker, max_objects=1, history_frames=4)
        add_objects(sessions[name], 1)
        positions[name] = FILL_KEY_FRAMES * interval_of(sessions[name])
        time_steps(sessions[name], pictures[: positions[name]], "cpu")
        progress(f"{name}: memory is full")
    seconds: dict[str, list[float]] = {name: [] for name in switches}
    for _ in range(rounds):
        for name, session in sessions.items():
            frames = interval_of(session)
            turn = pictures[positions[name] : positions[name] + frames]
            seconds[name].append(sum(time_steps(session, turn, "cpu")) / frames)
            positions[name] += frames
    return seconds


def interval_of(session: Session) -> int:
    """Frames from one key frame to the next."""
    return session._config.keyframe_interval


def points_of(result: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """By switch: J&F, its loss and the gain in speed."""
    rows = result["points"]
    exact = rows["exact"]
    baseline, base_seconds = _score(exact), float(np.median(exact["seconds"]))
    return {
        name: (_score(row), baseline - _score(row), base_seconds / float(np.median(row["seconds"])))
        for name, row in rows.items()
    }


def _score(row: dict[str, Any]) -> float:
    return float(np.mean([(one["region"] + one["boundary"]) / 2 for one in row["quality"]]))


def render(result: dict[str, Any]) -> str:
    """One row for each switch."""
    lines = [
        [name, f"{score:.1f}", f"{cost:+.1f}", f"{gain:.2f}", f"{_milliseconds(result, name):.0f} ms"]
        for name, (score, cost, gain) in points_of(result).items()
    ]
    speed = f"{result['speed_model']} at {result['image_size']} px"
    header = ["switch", f"J&F, {QUALITY_MODEL}", "cost in J&F", f"times as fast, {speed}", "a frame"]
    told = f"J&F on {result['truth']}; speed on a full memory of one object."
    return f"{describe_measurement(result)}\n{told}\n\n{table(header, lines)}"


def headline(result: dict[str, Any]) -> str:
    """The presets alone."""
    shown = [
        [name.removeprefix("preset "), f"{cost:+.1f}", f"{gain:.2f}"]
        for name, (_, cost, gain) in points_of(result).items() if name.startswith("preset")
    ]  # fmt: skip
    return table(["preset", "cost in J&F", "times as fast"], [["quality", "exact", "1"], *shown])


def _milliseconds(result: dict[str, Any], name: str) -> float:
    return 1000 * float(np.median(result["points"][name]["seconds"]))


def draw(result: dict[str, Any], path: Path) -> None:
    """Cost against gain; the line joins the points that no other beats in both."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    points = {name: (gain, cost) for name, (_, cost, gain) in points_of(result).items()}
    best = sorted(
        (gain, cost)
        for gain, cost in points.values()
        if not any(g >= gain and c <= cost and (g, c) != (gain, cost) for g, c in points.values())
    )
    figure, panel = plt.subplots(figsize=(7, 4.5))
    panel.plot(*zip(*best, strict=True), color="#d29922", linewidth=1, zorder=1)
    for name, (gain, cost) in points.items():
        preset = name.startswith("preset")
        panel.scatter(gain, cost, color="#d29922" if preset else "#1f6feb", s=50 if preset else 25, zorder=2)
        panel.annotate(name, (gain, cost), (5, -10 if preset else 5), textcoords="offset points", fontsize=8)
    panel.set_xlabel(f"times as fast as exact, {result['speed_model']} at {result['image_size']} px")
    panel.set_ylabel(f"cost in J&F, {QUALITY_MODEL}")
    panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Measure every switch, write pareto.{json,md,png}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--speed-model", default="sam2.1-tiny")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each switch")
    parser.add_argument("--davis", type=Path, help="folder in DAVIS layout; default: synthetic scenes")
    options = parser.parse_args()
    switches, scenes, frames, image_size = SWITCHES, SCENES, SCENE_FRAMES, None
    if options.quick:
        options.speed_model, options.rounds, image_size = "nano", 1, 128
        scenes, frames = ("demo",), 8
        switches = {name: SWITCHES[name] for name in ("exact", "memory_pool 2", "preset balanced")}
    # A preset that is one switch is measured once.
    same_as = {
        name: next(other for other, known in switches.items() if known == switch)
        for name, switch in switches.items()
    }
    cv2.setNumThreads(1)
    try:
        if options.davis is None:
            sequences: list[Annotated] = [SceneSequence(name, frames) for name in scenes]
        else:
            sequences = list(open_sequences(options.davis))
        names = ", ".join(one.name for one in sequences)
        points: dict[str, dict[str, Any]] = {}
        for name, switch in switches.items():
            if same_as[name] != name:
                continue
            points[name] = {"quality": measure_cost(switch, sequences, options.threads)}
            progress(f"{name}: J&F {_score(points[name]):.1f}")
        distinct = {name: switch for name, switch in switches.items() if same_as[name] == name}
        gains = measure_gain(distinct, options.speed_model, options.threads, options.rounds, image_size)
        size = make_tracker(options.speed_model, image_size=image_size, compile="off")[0].image_size
    except StreamTrackError as error:
        refuse(str(error))
    for name, seconds in gains.items():
        points[name]["seconds"] = seconds
    points = {name: points[same] for name, same in same_as.items()}
    torch.set_num_threads(options.threads)
    kind = "synthetic scenes" if options.davis is None else "sequences in DAVIS layout"
    result = {
        "speed_model": options.speed_model, "image_size": size, "truth": f"{kind} ({names})",
        "seeds": {"weights": SEED, "masks": MASK_SEED}, "points": points,
    }  # fmt: skip
    draw(write_result("pareto", result, render, options.out), options.out / "pareto.png")


if __name__ == "__main__":
    main()
