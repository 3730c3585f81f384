"""What the README says can be pasted: configs parse, commands exist, Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bench.bench_film_memory import write_film
from streamtrack.cli.main import app
from streamtrack.config import parse_config
from streamtrack.scenes.scene import make_scene
from tests.support.pipelines import stream_config
from tests.support.servers import server_config, serving

pytestmark = pytest.mark.process

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


@pytest.mark.parametrize("block", [text for text in blocks("python") if "streamtrack.compat" in text])
def test_old_code_example_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_film(tmp_path / "film.mp4", 4)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert names["masks"].shape[1:] == (1, 360, 640)
    assert bool(names["masks"].any())


def test_films_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "films.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(text, "docs/films.md", "exec"), names)  # the page's own lines
    assert [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()] == list(range(8))
    assert len(names["before"]) == len(names["after"]) == 8  # type: ignore[arg-type]


class Enough(Exception):
    """A robot's loop has no end of its own."""


def test_robot_example_runs() -> None:
    (text,) = [block for block in blocks("python") if "from streamtrack.client import" in block]
    heard: list[tuple[int, int, str, tuple[float, float], int]] = []

    def note(*line: Any) -> None:
        heard.append(line)
        if len(heard) == 9:
            raise Enough

    stream = stream_config("synthetic:leave?fps=10", "demo", pace="newest")
    with serving(server_config(stream)) as server:
        for written, real in (("5556", server.control_address), ("5555", server.masks_address)):
            text = text.replace(f"tcp://127.0.0.1:{written}", str(real))
        with pytest.raises(Enough):
            exec(compile(text, "README.md", "exec"), {"print": note})
    assert {object_id for _, object_id, *_ in heard} == {1, 2, 3}, "the scene's two, and the target"
    # Ball 2 stays in view and keeps its size: a mask of half or double its pixels is not the ball.
    ball = int(make_scene("leave").render(0)[1][2].sum())
    areas = [pixels for _, object_id, *_, pixels in heard if object_id == 2]
    assert areas
    assert all(0.5 * ball < pixels < 2 * ball for pixels in areas), f"{areas}, drawn with {ball}"
