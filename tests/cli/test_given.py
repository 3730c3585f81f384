"""What was given is given again, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner

from streamtrack.cli.given import given_options

app = typer.Typer()
SEEN: list[list[str]] = []


@app.command()
def command(
    context: typer.Context,
    film: str,
    out: Path = Path("out"),
    sound: bool = True,
    again: Annotated[bool, typer.Option("--again")] = False,
    points: Annotated[list[str] | None, typer.Option("--point")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set")] = None,
) -> None:
    """Note what was given."""
    SEEN.append(given_options(context, ("points",)))


def given(*arguments: str) -> list[str]:
    SEEN.clear()
    result = CliRunner().invoke(app, ["a.mp4", *arguments])
    assert result.exit_code == 0, result.output
    return SEEN[0]


def test_options_that_were_given_come_back_and_defaults_do_not() -> None:
    assert given() == []
    assert given("--out", "my out", "--no-sound", "--set", "a=1", "--point", "1,2", "--set", "b=2") == [
        *("--out", "my out"),
        "--no-sound",
        *("--set", "a=1", "--set", "b=2"),
    ]
    assert given("--again", "--out=out") == ["--out", "out", "--again"]
