"""What windows bring and cost: masks with and without them, and frames a second by number of objects.

    streamtrack bench windows
    streamtrack bench windows --davis DAVIS --windows off,auto,2.0
    streamtrack bench windows --only objects

Quality is J and F of DAVIS from a box and from a click, on synthetic scenes or a folder in DAVIS layout, and
on a ball of 12 pixels in a picture of 1920 x 1080. Speed and J by number of objects are taken in turns, frame
by frame, in one process.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.davis_folder import open_sequences
from bench.environment import describe_measurement
from bench.models import is_compiled, make_tracker
from bench.quality import Annotated, PromptKind, make_prompt, measure_quality, tracker_follower
from bench.report import make_parser, progress, refuse, table, write_result
from bench.scenario import mask_iou, time_steps
from bench.scene_sequence import SceneSequence
from streamtrack.config import TrackingConfig
from streamtrack.errors import StreamTrackError
from streamtrack.frame import BoolMask, Image
from streamtrack.tracking import Tracker

SCENES = ("demo", "occlusion", "many")
SCENE_FRAMES = 90
CROWD = "many?width=1280&height=720"
COUNTS = (1, 2, 4, 8)
PROMPTS = (PromptKind.BOX, PromptKind.CLICK)
FRAME_SIZE = (1080, 1920)
BALL_PX = 12
BALL_STEP_PX = 3
GROUND_SEED = 11


class SmallBall:
    """A ball of 12 pixels that crosses a textured picture of 1920 x 1080."""

    name = "small ball"

    def __init__(self, num_frames: int) -> None:
        self._num_frames = num_frames
        rng = np.random.default_rng(GROUND_SEED)
        coarse = rng.integers(60, 150, (FRAME_SIZE[0] // 8, FRAME_SIZE[1] // 8, 3)).astype(np.uint8)
        self._ground = cv2.resize(coarse, FRAME_SIZE[::-1], interpolation=cv2.INTER_CUBIC)

    def frames(self) -> list[Image]:
        """Every frame, (H, W, 3) RGB."""
        frames = []
        for index in range(self._num_frames):
            frame = self._ground.copy()
            frame[self._ball(index)] = 235, 225, 60
            frames.append(np.asarray(frame, np.uint8))
        return frames

    def truth(self, frame_idx: int) -> tuple[Mapping[int, BoolMask], BoolMask]:
        """The ball's mask; every pixel is scored."""
        return {1: self._ball(frame_idx)}, np.ones(FRAME_SIZE, np.bool_)

    def _ball(self, frame_idx: int) -> BoolMask:
        y, x = np.ogrid[: FRAME_SIZE[0], : FRAME_SIZE[1]]
        centre = 700 + BALL_STEP_PX * frame_idx, 500 + frame_idx
        inside: BoolMask = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < (BALL_PX / 2) ** 2
        return inside


def parse_window(text: str) -> str | float:
    """`off`, `auto` or a factor, as `tracking.window` takes it."""
    if text in ("off", "auto"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--windows is {text!r}, expected off, auto or 1.1 to 16, with commas") from None


def measure_masks(
    tracker: Tracker, window: str | float, sequences: Iterable[Annotated]
) -> dict[str, list[dict[str, Any]]]:
    """By prompt, J and F, 0 to 100, of each sequence."""
    config = TrackingConfig(window=window, memory="recent")  # windows alone
    follow = tracker_follower(lambda: tracker.new_session(config))
    found: dict[str, list[dict[str, Any]]] = {}
    for prompt in PROMPTS:
        rows = []
        for one in measure_quality(follow, sequences, prompt):
            region, boundary = 100 * one.region().mean, 100 * one.boundary().mean
            rows.append({"sequence": one.name, "region": region, "boundary": boundary})
            progress(f"{window} from a {prompt}: {one.name}: J {region:.1f}")
        found[str(prompt)] = rows
    return found


def measure_objects(
    tracker: Tracker, windows: Sequence[str | float], count: int, frames: int
) -> dict[str, dict[str, Any]]:
    """By window, J of `count` objects of a crowd and the seconds of each step, in turns."""
    crowd = SceneSequence(CROWD, frames)
    first = dict(list(crowd.truth(0)[0].items())[:count])
    sessions = {}
    for window in windows:
        sessions[str(window)] = tracker.new_session(TrackingConfig(window=window, memory="recent"))
        for key, mask in first.items():
            sessions[str(window)].add(key, **make_prompt(mask, PromptKind.BOX))
    found: dict[str, dict[str, Any]] = {name: {"region": [], "seconds": []} for name in sessions}
    for index, picture in enumerate(crowd.frames()):
        truth, _ = crowd.truth(index)
        for name, session in sessions.items():
            found[name]["seconds"] += time_steps(session, [picture], "cpu")
            objects = session.result().objects
            found[name]["region"].append(
                float(np.mean([mask_iou(objects[key].mask, truth[key]) for key in first]))
            )
    return found


def render(result: dict[str, Any]) -> str:
    """Masks by window, then speed by number of objects."""
    told = f"{result['model']} at {result['image_size']} px, {result['compiled']}, on {result['truth']}."
    parts = [describe_measurement(result), told]
    if result["masks"]:
        parts.append(_masks_table(result))
    if result["objects"]:
        crowd = "Objects of a synthetic crowd in 1280 x 720, from boxes, in turns; whole steps:"
        parts += [crowd, _objects_table(result["objects"])]
    return "\n\n".join(parts)


def _masks_table(result: dict[str, Any]) -> str:
    heads = ["tracking.window", *(f"J from a {prompt}" for prompt in PROMPTS)]
    heads += [f"12-pixel ball, J from a {prompt}" for prompt in PROMPTS]
    lines = [
        [name, *(f"{_mean(result['masks'][name][str(prompt)]):.1f}" for prompt in PROMPTS)]
        + [f"{_mean(result['small'][name][str(prompt)]):.1f}" for prompt in PROMPTS]
        for name in result["masks"]
    ]
    return table(heads, lines)


def _objects_table(by_count: dict[str, dict[str, Any]]) -> str:
    names = list(next(iter(by_count.values())))
    lines = [
        [count]
        + [f"{1 / float(np.median(rows[name]['seconds'][2:])):.1f}" for name in names]
        + [f"{100 * float(np.mean(rows[name]['region'][1:])):.1f}" for name in names]
        for count, rows in by_count.items()
    ]
    return table(["objects", *(f"FPS, {name}" for name in names), *(f"J, {name}" for name in names)], lines)


def _mean(rows: list[dict[str, Any]]) -> float:
    return float(np.mean([row["region"] for row in rows]))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that the table is made of."""
    windows = [parse_window(text) for text in options.windows.split(",")]
    frames, counts = (6, COUNTS[:2]) if options.quick else (SCENE_FRAMES, COUNTS)
    tracker, _ = make_tracker(
        options.model,
        threads=options.threads,
        device="cpu",
        image_size=options.image_size,
        compile="off" if options.quick else "on",
    )
    if options.davis is None:
        scenes = SCENES[:1] if options.quick else SCENES
        sequences: list[Annotated] = [SceneSequence(name, frames) for name in scenes]
        truth = f"synthetic scenes ({', '.join(scenes)})"
    else:
        sequences = list(open_sequences(options.davis, options.sequences))
        truth = f"{len(sequences)} sequences in DAVIS layout"
    ball = [SmallBall(min(frames, 30))]
    masks, objects = options.only != "objects", options.only != "masks"
    return {
        "model": options.model,
        "image_size": tracker.image_size,
        "compiled": "compiled" if is_compiled(tracker) else "uncompiled",
        "truth": truth,
        "objects": {
            str(n): measure_objects(tracker, windows, n, min(frames, 40)) for n in (counts if objects else ())
        },
        "small": {str(window): measure_masks(tracker, window, ball) for window in windows if masks},
        "masks": {str(window): measure_masks(tracker, window, sequences) for window in windows if masks},
    }


def main() -> None:
    """Measure, write windows.{json,md}, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int, help="`model.image_size`; default: the model's own")
    parser.add_argument("--windows", default="off,auto,2.0", help="values of tracking.window, with commas")
    parser.add_argument("--davis", type=Path, help="folder in DAVIS layout; default: synthetic scenes")
    parser.add_argument("--sequences", help="names with commas, or a file of them; default: all")
    parser.add_argument("--only", choices=("masks", "objects"), help="default: both")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        write_result("windows", measure(options), render, options.out)
    except (StreamTrackError, ValueError) as error:
        refuse(str(error))


if __name__ == "__main__":
    main()
