"""Is it faster than the others? Every tracker on the same frames, in turns.

    streamtrack bench peers --cases nano:256:1,sam2.1-tiny:512:8 --contenders streamtrack,sam2,transformers

Same frames, weights, prompts, threads and precision. Each contender lives in a process of its own and sleeps
while another has its turn. All of them track until their memory is full before anything counts; then blocks
of frames alternate, A B C A B C, and ratios are taken turn by turn. A contender that computes what we compute
but gives other masks makes its comparison void.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from bench.environment import MEBIBYTE, describe_measurement
from bench.models import SEED
from bench.peers.contender import CONTENDERS, BoolMasks, Case
from bench.player import Player
from bench.report import make_parser, ms, progress, refuse, table, write_result
from bench.scenario import FILL_FRAMES, MASK_SEED, mask_iou
from streamtrack.errors import CheckpointError
from streamtrack.model.build import resolve_device
from streamtrack.weights.catalog import get_entry

OURS = ("streamtrack", "streamtrack-eager")
"""The first that takes part is what the others are compared with."""
SAME_MASKS_IOU = 0.99
"""Below this a contender of the same network computes something else. Ours and sam2's agree above 0.999;
with random weights masks have ragged edges, where one pixel counts for more."""
CASES = "nano:256:1,sam2.1-tiny:512:8,sam2.1-tiny:1024:1"


def measure(
    case: Case, names: Sequence[str], *, turns: int, frames: int, growth_frames: int
) -> dict[str, Any]:
    """Everything about one case."""
    players = {name: Player(name) for name in names}
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    try:
        refusals = {name: player.start(case) for name, player in players.items()}
        for name, player in players.items():
            refusal = refusals[name] or player.wait_until_ready()
            if refusal is not None:
                found[name] = {"refused": refusal}
                progress(f"{case.name}: {name} takes no part: {refusal}")
        playing = {name: player for name, player in players.items() if "refused" not in found[name]}
        for name, player in playing.items():
            filled = player.ask("run", count=player.entry.fill_frames)
            found[name] = {"weights": player.weights, "fill_seconds": filled["step_seconds"]}
            found[name] |= {"turns": [], "memory_full": player.ask("memory")}
            progress(f"{case.name}: {name} is full after {sum(filled['step_seconds']):.1f} s")
        for _ in range(turns):
            for name, player in playing.items():
                found[name]["turns"].append(player.ask("run", count=frames))
        expected = next((playing[name].masks() for name in OURS if name in playing), None)
        for name, player in playing.items():
            found[name]["mask_ious"] = _agreement(player.masks(), expected)
            found[name]["memory_timed"] = player.ask("memory")
            if growth_frames:
                player.ask("run", count=growth_frames)
            found[name]["memory_last"] = player.ask("memory")
    finally:
        for player in players.values():
            player.stop()
    return {**asdict(case), "turns": turns, "frames_per_turn": frames, "contenders": found}


def _agreement(masks: BoolMasks, expected: BoolMasks | None) -> list[float] | None:
    """IoU of each object with ours; None where they are not the same objects, or where none is to be seen:
    that empty masks agree shows nothing."""
    if expected is None or masks.shape != expected.shape or not expected.any():
        return None
    return [mask_iou(one, other) for one, other in zip(masks, expected, strict=True)]


def growth_bytes(contender: dict[str, Any], what: str) -> float:
    """Bytes per 1,000 frames, from the full bank to the last frame."""
    first, last = contender["memory_full"], contender["memory_last"]
    return 1000 * float(last[what] - first[what]) / int(last["frame"] - first["frame"])


def seconds_per_frame(contender: dict[str, Any], *, prepared: bool) -> list[float]:
    """Of each turn; `prepared` adds the preprocessing that was done before the start."""
    return [
        float(np.mean(turn["step_seconds"]) + (np.mean(turn["prepare_seconds"]) if prepared else 0))
        for turn in contender["turns"]
    ]


def verdict(name: str, contender: dict[str, Any]) -> str:
    """Whether its masks are ours, in a word."""
    ious = contender["mask_ious"]
    if name == OURS[0]:
        return ""
    if not CONTENDERS[name].same_network:
        comparable = ious is not None and contender["weights"] == "checkpoint"
        return f"{min(ious):.3f}, another method" if comparable else "another method"
    if ious is None or min(ious) < SAME_MASKS_IOU:
        return f"{min(ious):.4f}: void" if ious else "void"
    return f"{min(ious):.4f}"


def render(result: dict[str, Any]) -> str:
    """A table for each case."""
    parts = [describe_measurement(result)]
    for case in result["cases"]:
        kind = "es" if case["objects"] > 1 else ""
        parts.append(
            f"**{case['model']}, {case['image_size']} pixels, {case['objects']} object{kind[-1:]}**, "
            f"{case['precision']}, {case['turns']} turns of {case['frames_per_turn']} frames each:"
        )
        parts.append(_case_table(case))
    return "\n\n".join(parts)


def _case_table(case: dict[str, Any]) -> str:
    header = [
        "",
        "weights",
        "ms a frame, median (min to max)",
        "ours is faster by, median (min to max)",
        "mask IoU with ours",
        "tensors grow per 1,000 frames",
    ]
    ours = _ours(case)
    lines = []
    for name, contender in case["contenders"].items():
        title = CONTENDERS[name].title
        if "refused" in contender:
            lines.append([title, "", "not run: " + contender["refused"], "", "", ""])
            continue
        for prepared in (False, True):
            if prepared and not _was_prepared(name):
                continue
            seconds = seconds_per_frame(contender, prepared=prepared)
            named = title + (", with its preprocessing" if prepared else "")
            ratio = ""
            if contender is not ours and "turns" in ours:
                ratio = _spread(np.divide(seconds, seconds_per_frame(ours, prepared=False)), "{:.2f}")
            growth = f"{growth_bytes(contender, 'tensor_bytes') / MEBIBYTE:+.1f} MiB"
            lines.append(
                [
                    named,
                    contender["weights"],
                    _spread(1000 * np.array(seconds), "{:.1f}"),
                    ratio,
                    verdict(name, contender),
                    growth,
                ]
            )
    return table(header, lines)


def _ours(case: dict[str, Any]) -> dict[str, Any]:
    """Of ours, the one that the others are compared with; empty where none took part."""
    found = (case["contenders"].get(name, {}) for name in OURS)
    return next((one for one in found if "turns" in one), {})


def _was_prepared(name: str) -> bool:
    return name in ("sam2", "sam2-vos")


def _spread(values: Any, form: str) -> str:
    median, low, high = (form.format(of(values)) for of in (np.median, np.min, np.max))
    return f"{median} ({low} to {high})"


def headline(result: dict[str, Any]) -> str:
    """One line a case, for the README."""
    lines = []
    for case in result["cases"]:
        ours = _ours(case)
        if not ours:
            continue
        cells = [
            case["model"],
            case["image_size"],
            case["objects"],
            ours["weights"],
            *(_frame_ms(case["contenders"].get(name, {})) for name in OURS),
        ]
        for name in ("sam2", "transformers"):
            contender = case["contenders"].get(name, {})
            if "turns" not in contender:
                cells.append("not run")
                continue
            ratios = np.divide(
                seconds_per_frame(contender, prepared=True), seconds_per_frame(ours, prepared=False)
            )
            cells.append(f"{_spread(ratios, '{:.2f}')}, IoU {verdict(name, contender)}")
        lines.append(cells)
    header = [
        "model",
        "pixels",
        "objects",
        "weights",
        "streamtrack, a frame",
        "not compiled",
        "faster than SAM2VideoPredictor by",
        "faster than transformers by",
    ]
    return describe_measurement(result) + "\n\n" + table(header, lines)


def _frame_ms(contender: dict[str, Any]) -> str:
    if "turns" not in contender:
        return "not run"
    return ms(1000 * float(np.median(seconds_per_frame(contender, prepared=False))))


def main() -> None:
    """Measure every case, write peers.{json,md}, print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--cases", default=CASES, help="MODEL:PIXELS:OBJECTS, comma-separated")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--frames", type=int, help="in each turn; default: 8 for nano, else 1")
    parser.add_argument("--growth-frames", type=int, help="after the turns; default: 100 for nano, else 0")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.quick:
        options.cases, options.turns, options.frames, options.growth_frames = "nano:128:2", 1, 2, 0
        options.contenders = "streamtrack-eager,sam2,sam2-vos"
    names = options.contenders.split(",")
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        refuse(f"unknown contender {unknown[0]}, expected of: {', '.join(CONTENDERS)}")
    cases = []
    for case in [_parse(text, options) for text in options.cases.split(",")]:
        frames, growth = _per_turn(options, case), _growth(options, case)
        cases.append(measure(case, names, turns=options.turns, frames=frames, growth_frames=growth))
    torch.set_num_threads(options.threads)
    seeds = {"weights": SEED, "masks": MASK_SEED}
    write_result("peers", {"fill_frames": FILL_FRAMES, "seeds": seeds, "cases": cases}, render, options.out)


def _per_turn(options: argparse.Namespace, case: Case) -> int:
    frames: int = options.frames if options.frames is not None else (8 if case.model == "nano" else 1)
    return frames


def _growth(options: argparse.Namespace, case: Case) -> int:
    asked: int | None = options.growth_frames
    return asked if asked is not None else (100 if case.model == "nano" else 0)


def _parse(text: str, options: argparse.Namespace) -> Case:
    try:
        model, size, objects = text.split(":")
        get_entry(model)
        case = Case(
            model,
            int(size),
            int(objects),
            0,
            options.precision,
            str(resolve_device(options.device).type),
            options.threads,
        )
    except CheckpointError as error:
        refuse(str(error))
    except ValueError:
        refuse(f"case is {text!r}, expected MODEL:PIXELS:OBJECTS such as nano:256:1")
    fill = max(entry.fill_frames for entry in CONTENDERS.values())
    frames = fill + options.turns * _per_turn(options, case) + _growth(options, case)
    return Case(**{**asdict(case), "frames": frames})


if __name__ == "__main__":
    main()
