"""What the FAQ says can be pasted: commands exist, links lead somewhere."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bench.report
from bench.fill_readme import filled
from streamtrack.cli.main import app

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("faq.md",)}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("streamtrack ")]


@functools.cache
def help_of(*command: str) -> str:
    """What `--help` says of a command; of a bench, which parses for itself, its source."""
    if command[0] == "bench":
        module = Path(bench.report.__file__).with_name(f"bench_{command[1]}.py")
        return module.read_text(encoding="utf-8")
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0, shown.output
    return shown.output


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist_with_their_options(page: str) -> None:
    found = commands(page)
    assert len(found) > 8
    for arguments in found:
        deep = arguments[0] in ("checkpoints", "bench")
        shown = help_of(*arguments[: 2 if deep else 1])
        for option in arguments:
            if option.startswith("--"):
                assert option in shown, shlex.join(arguments)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGES[page])
    assert paths
    assert [path for path in paths if not (DOCS / path).exists()] == []


def test_figures_are_those_of_the_bench() -> None:
    assert filled(PAGES["faq.md"]) == PAGES["faq.md"], "run python -m bench.fill_readme"
