"""What the FAQ and the tutorial say can be pasted: commands exist, links lead somewhere, Python runs."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import bench.report
from bench.fill_readme import filled
from streamtrack.cli.main import app
from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import make_scene

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("faq.md", "tutorial.md")}
SCENE = "demo?width=640&height=360&fps=25"
MAX_PICTURE_BYTES = 1 << 20


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


def test_tutorials_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene(SCENE)
    write_scene(scene, tmp_path / "film.mp4", 3)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for text in blocks("tutorial.md", "python"):
        exec(compile(text, "tutorial.md", "exec"), names)  # the tutorial's own lines
    assert names["result"].frame_idx == 2
    assert sorted(names["masks"]) == [0, 1, 2]
    # The click is on the car, and both ways find it.
    car = scene.render(0)[1][1]
    found = names["masks"][0][1][0]
    assert np.count_nonzero(car & found) / np.count_nonzero(car | found) > 0.5


def test_tutorials_clicks_are_on_what_they_name() -> None:
    scene = make_scene(SCENE)
    for option, value in re.findall(r"--(point|not) (\S+)", PAGES["tutorial.md"]):
        match = re.fullmatch(r"(?:(\d+):)?(\d+),(\d+)(?:@(\d+))?(?:\.\.\d*)?`?", value)
        if match is None:
            continue  # X,Y, which stands for any
        masks = scene.render(int(match[4] or 0))[1]
        inside = bool(masks[int(match[1] or 1)][int(match[3]), int(match[2])])
        assert inside == (option == "point"), value


def test_tutorials_pictures_are_there_and_small() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGES["tutorial.md"])
    kept = sorted(path.relative_to(DOCS).as_posix() for path in (DOCS / "tutorial").iterdir())
    assert sorted(shown) == kept
    assert sum((DOCS / path).stat().st_size for path in kept) < MAX_PICTURE_BYTES
