"""`streamtrack bench`: runs the bench suite, which lives beside the package in a clone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from streamtrack.errors import ConfigError

SUITE = Path(__file__).resolve().parents[2] / "bench"
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Options belong to the bench itself, `--help` included."""

BENCHES = {
    "checkpoints": "What each model costs: FPS, percentiles, stages, memory.",
    "peers": "Other trackers on the same frames, in turns: speed, memory, whether masks agree.",
    "pipeline": "The live path: latency to subscribers and viewers, drops, CPU of each stage.",
    "scaling": "Cost against objects, image size, memory length, frames tracked, streams.",
    "roofline": "FLOPs and bytes of each stage, and what this and other devices could do at best.",
    "startup": "From a fresh process to the first mask, by part.",
    "memory": "Whether memory stays what it was over thousands of frames.",
    "fit": "What a step needs of the device's memory, beside what `streamtrack fit` expects.",
    "adapters": "sam2's and transformers' calls over streamtrack beside their own: speed, masks.",
    "film-memory": "Resident memory over a film's frames, beside sam2's and transformers'.",
    "quality": "How well masks fit the truth: J and F of DAVIS, beside two baselines.",
    "identity": "Who keeps their identity among look-alikes, with each memory plan.",
    "plans": "What a memory plan costs where nothing looks alike: J and F of each, on DAVIS.",
    "budget": "Many objects of which the network looks at a few a frame: speed, masks, beside all and few.",
    "windows": "What windows bring in masks and cost in speed, by number of objects.",
    "street": "Who stays who on street clips, from a detector's start: HOTA, IDF1, switches; mended and not.",
    "viewers": "What WebRTC viewers cost: CPU of the shared encode, and what they leave behind.",
    "soak": "Hours of objects, viewers, cameras and faults coming and going: what grows, how old masks are.",
    "pareto": "What each approximation costs in masks and gains in speed.",
}
"""One bench/bench_<name>.py each, with `_` for `-`."""

bench_app = typer.Typer(help="Measure speed, memory and quality on this machine.", no_args_is_help=True)


def _command(name: str) -> Callable[[typer.Context], None]:
    module = f"bench_{name.replace('-', '_')}"

    def run(context: typer.Context) -> None:
        if not (SUITE / f"{module}.py").is_file():
            raise ConfigError(
                f"{SUITE}: no bench suite here that has '{name}', expected a clone of the repository"
            )
        command = [sys.executable, "-m", f"bench.{module}", *context.args]
        ran = subprocess.run(command, cwd=SUITE.parent, check=False)  # nosec B603 # Python, a bench of ours
        raise typer.Exit(ran.returncode)

    return run


for _name, _help in BENCHES.items():
    bench_app.command(_name, help=_help, context_settings=PASSED_ON)(_command(_name))
