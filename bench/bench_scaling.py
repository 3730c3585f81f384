"""What does it cost to have more? Objects, pixels, kept frames, streams, and hours.

    streamtrack bench scaling --model nano --rounds 15 --frames 2000
    streamtrack bench scaling --axes rows --former ../streamtrack-before

Along each axis all points live at the same time and take turns, so that a change of the machine hits them
alike. Along `frames` one session runs on, and each block of frames is a point: it must stay flat. `rows` are
1 to 32 objects of the models of `--cases`, compiled and not, and with `--former` those of another checkout of
this project beside them, all in turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from bench.environment import MEBIBYTE, describe_measurement
from bench.models import SEED, make_tracker
from bench.object_rows import CASES, COUNTS, measure_case, parse_case, render_case
from bench.report import make_parser, progress, refuse, table, write_result
from bench.scenario import FILL_FRAMES, MASK_SEED, add_objects, make_pictures, time_steps
from streamtrack.config import TrackingConfig
from streamtrack.errors import CheckpointError
from streamtrack.frame import Image
from streamtrack.tracking import Session, Tracker
from streamtrack.weights.catalog import get_entry

AXES = {
    "objects": (1, 2, 4, 8, 16, 32),
    "image_size": (128, 256, 384, 512),
    "history_frames": (8, 32, 128, 512),
    "streams": (1, 2, 4, 8),
}
TITLES = {
    "objects": "objects followed",
    "image_size": "side of the network's square, pixels",
    "history_frames": "frames kept for prompts on the past",
    "streams": "streams on one model, each with one object",
    "frames": "frames tracked",
}
FRAME_BLOCKS = 20


@dataclass
class Point:
    """One value of an axis: the sessions that it means, and what a round of them took."""

    value: int
    sessions: list[Session]
    seconds: list[float] = field(default_factory=list)

    @property
    def session_bytes(self) -> int:
        """Tensors of all its sessions."""
        return sum(session.num_bytes for session in self.sessions)


def take_turns(points: Sequence[Point], pictures: Sequence[Image], rounds: int, device: str) -> None:
    """Fill every point's memory, then step all of them in turns."""
    for point in points:
        for session in point.sessions:
            time_steps(session, pictures[:FILL_FRAMES], device)
    for number in range(rounds):
        picture = pictures[FILL_FRAMES + number]
        for point in points:
            point.seconds.append(sum(time_steps(one, [picture], device)[0] for one in point.sessions))


def make_points(axis: str, values: Sequence[int], make: Callable[..., Tracker]) -> list[Point]:
    """Sessions for each value of an axis."""
    tracker = make()
    points = []
    for value in values:
        objects = value if axis == "objects" else 1
        config = TrackingConfig(max_objects=objects, window="off")
        if axis == "history_frames":
            config = TrackingConfig(max_objects=objects, history_frames=value, window="off")
        maker = make(image_size=value) if axis == "image_size" else tracker
        sessions = [maker.new_session(config) for _ in range(value if axis == "streams" else 1)]
        for session in sessions:
            add_objects(session, objects)
        points.append(Point(value, sessions))
    return points


def run_on(make: Callable[..., Tracker], pictures: Sequence[Image], frames: int) -> list[dict[str, Any]]:
    """One session over many frames, block by block; the scene goes to and fro."""
    tracker = make()
    session = tracker.new_session(TrackingConfig(max_objects=1, window="off"))
    add_objects(session, 1)
    time_steps(session, pictures[:FILL_FRAMES], tracker.device)
    there_and_back = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    block = max(1, frames // FRAME_BLOCKS)
    points = []
    for start in range(0, frames, block):
        indices = [there_and_back[index % len(there_and_back)] for index in range(start, start + block)]
        seconds = time_steps(session, [pictures[index] for index in indices], tracker.device)
        points.append(
            {
                "value": start + block,
                "seconds": seconds,
                "session_bytes": session.num_bytes,
                "resident_bytes": psutil.Process().memory_info().rss,
            }
        )
    return points


def render(result: dict[str, Any]) -> str:
    """A table for each axis."""
    parts = [describe_measurement(result), *(render_case(case) for case in result.get("rows", ()))]
    for axis, points in result["axes"].items():
        parts.append(f"{result['model']}, {TITLES[axis]}:")
        shown = points if axis != "frames" else [points[0], points[len(points) // 2], points[-1]]
        parts.append(_axis_table(axis, shown))
    return "\n\n".join(parts)


def _axis_table(axis: str, points: list[dict[str, Any]]) -> str:
    first = float(np.median(points[0]["seconds"]))
    what = "a round of all streams" if axis == "streams" else "a step"
    resident = axis == "frames"
    header = [
        TITLES[axis],
        f"{what}, median",
        "p95",
        "over the first row",
        "session's tensors",
        *(["resident"] if resident else []),
    ]
    lines = []
    for point in points:
        median, p95 = (float(np.percentile(point["seconds"], share)) for share in (50, 95))
        lines.append(
            [
                point["value"],
                f"{1000 * median:.1f} ms",
                f"{1000 * p95:.1f} ms",
                f"{median / first:.2f}",
                f"{point['session_bytes'] / MEBIBYTE:.1f} MiB",
                *([f"{point['resident_bytes'] / MEBIBYTE:.0f} MiB"] if resident else []),
            ]
        )
    return table(header, lines)


def draw(result: dict[str, Any], path: Path) -> None:
    """One panel for each axis: median step with its 5 to 95 % band, above it memory."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = result["axes"]
    figure, panels = plt.subplots(2, len(axes), figsize=(3.4 * len(axes), 5.2), squeeze=False)
    for column, (axis, points) in enumerate(axes.items()):
        values = [point["value"] for point in points]
        low, median, high = (
            [1000 * np.percentile(point["seconds"], share) for point in points] for share in (5, 50, 95)
        )
        speed, memory = panels[0][column], panels[1][column]
        speed.plot(values, median, marker="o", markersize=3, color="#1f6feb")
        speed.fill_between(values, low, high, alpha=0.2, color="#1f6feb", linewidth=0)
        held = [point["session_bytes"] / MEBIBYTE for point in points]
        memory.plot(values, held, marker="o", markersize=3, color="#d29922")
        memory.set_xlabel(TITLES[axis], fontsize=8)
        for panel in (speed, memory):
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.3)
            panel.tick_params(labelsize=8)
    panels[0][0].set_ylabel("ms", fontsize=8)
    panels[1][0].set_ylabel("MiB of tensors", fontsize=8)
    figure.suptitle(f"{result['model']}: {describe_measurement(result)}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Measure every axis, write scaling.{json,md,png}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--axes", default=",".join(("rows", *AXES, "frames")))
    parser.add_argument("--cases", default=CASES, help="of rows: MODEL:PIXELS, with commas")
    parser.add_argument("--former", type=Path, help="of rows: a checkout of this project to compare with")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each point")
    parser.add_argument("--frames", type=int, default=2000, help="of the session that runs on")
    parser.add_argument("--compile", choices=("on", "off"), default="off", help="as model.compile")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    known = ("rows", *AXES, "frames")
    unknown = set(options.axes.split(",")) - set(known)
    if unknown:
        refuse(f"unknown axis {min(unknown)}, expected of: {', '.join(known)}")
    if options.former is not None and not (options.former / "streamtrack").is_dir():
        refuse(f"--former is {options.former}, expected a checkout of this project")
    try:
        cases = [parse_case(text) for text in options.cases.split(",")]
        for name, _ in cases:
            get_entry(name)
        size, values = get_entry(options.model).image_size, AXES
    except (CheckpointError, ValueError) as error:
        refuse(str(error))
    if options.quick:
        options.rounds, options.frames, size = 1, 2 * FRAME_BLOCKS, 128
        values = {"objects": (1, 2), "image_size": (128, 160), "history_frames": (8, 16), "streams": (1, 2)}

    def make(image_size: int = size) -> Tracker:
        found, _ = make_tracker(
            options.model,
            image_size=image_size,
            device=options.device,
            threads=options.threads,
            compile=options.compile,
        )
        return found

    rows = [
        measure_case(
            case,
            options.former and options.former.resolve(),
            counts=COUNTS[:2] if options.quick else COUNTS,
            rounds=options.rounds,
            device=options.device,
            threads=options.threads,
        )
        for case in (cases if "rows" in options.axes.split(",") else ())
    ]
    pictures = make_pictures(FILL_FRAMES + options.rounds + FRAME_BLOCKS)
    axes: dict[str, list[dict[str, Any]]] = {}
    for axis in options.axes.split(","):
        if axis == "rows":
            continue
        if axis == "frames":
            axes[axis] = run_on(make, pictures, options.frames)
        else:
            points = make_points(axis, values[axis], make)
            take_turns(points, pictures, options.rounds, make().device)
            axes[axis] = [
                {"value": one.value, "seconds": one.seconds, "session_bytes": one.session_bytes}
                for one in points
            ]
        progress(f"{axis}: " + ", ".join(f"{1000 * np.median(one['seconds']):.0f} ms" for one in axes[axis]))
    torch.set_num_threads(options.threads)
    result = {
        "model": options.model,
        "compile": options.compile,
        "seeds": {"weights": SEED, "masks": MASK_SEED},
        "rows": rows,
        "axes": axes,
    }
    written = write_result("scaling", result, render, options.out)
    if axes:
        draw(written, options.out / "scaling.png")


if __name__ == "__main__":
    main()
