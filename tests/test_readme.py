"""What the README says can be pasted: configs parse, commands exist, Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from streamtrack.cli import app
from streamtrack.config import parse_config
from streamtrack.ingest.synthetic import make_scene

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("streamtrack ")]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_config_parses(text: str) -> None:
    assert parse_config(yaml.safe_load(text), "README.md").streams


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_command_exists_with_its_options(arguments: list[str]) -> None:
    command = arguments[:2] if arguments[0] == "checkpoints" else arguments[:1]
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0, shown.output
    for option in arguments:
        if option.startswith("--"):
            assert option in shown.output


@pytest.mark.parametrize("path", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_link_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_library_example_runs() -> None:
    (text,) = [block for block in blocks("python") if "import streamtrack as st" in block]
    scene = make_scene("demo")
    names: dict[str, object] = {"frames": [scene.render(index)[0] for index in range(8)]}
    exec(compile(text, "README.md", "exec"), names)  # the README's own lines
    assert names["session"].object_ids == (1, 2)  # type: ignore[attr-defined]
