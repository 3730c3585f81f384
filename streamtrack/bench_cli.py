"""`streamtrack bench`: runs the bench suite, which lives beside the package in a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from streamtrack.errors import ConfigError

SUITE = Path(__file__).resolve().parents[1] / "bench"
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Options belong to the bench itself, `--help` included."""

bench_app = typer.Typer(help="Measure speed, memory and quality on this machine.", no_args_is_help=True)


@bench_app.command(context_settings=PASSED_ON)
def checkpoints(context: typer.Context) -> None:
    """What each model costs: FPS, percentiles, stages, memory."""
    _run("bench_checkpoints", context.args)


@bench_app.command(context_settings=PASSED_ON)
def peers(context: typer.Context) -> None:
    """Beside sam2's own video predictor, in turns in one process."""
    _run("bench_peers", context.args)


@bench_app.command(context_settings=PASSED_ON)
def memory(context: typer.Context) -> None:
    """Whether memory stays what it was over thousands of frames."""
    _run("bench_memory", context.args)


@bench_app.command(context_settings=PASSED_ON)
def quality(context: typer.Context) -> None:
    """How well masks fit the truth: J and F of DAVIS on a folder in its layout, beside two baselines."""
    _run("bench_quality", context.args)


def _run(name: str, arguments: list[str]) -> None:
    if not (SUITE / f"{name}.py").is_file():
        raise ConfigError(f"{SUITE}: no bench suite here, expected a clone of the repository, not a wheel")
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], cwd=SUITE.parent, check=False)
    raise typer.Exit(done.returncode)
