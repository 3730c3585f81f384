"""What docs/rules.md says can be pasted: configs parse, Python runs, addresses exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamtrack.cli import main as cli
from streamtrack.config import AnyRule, parse_config
from streamtrack.scenes.scene import make_scene

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "rules.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_config_parses(text: str) -> None:
    stream = parse_config(yaml.safe_load(text), "rules.md").streams[0]
    assert stream.rules.lines


def test_bodies_of_requests_are_rules() -> None:
    from pydantic import TypeAdapter

    bodies = [
        json.loads(part)
        for text in blocks("sh")
        if text.startswith("curl")
        for part in shlex.split(text.replace("\\\n", " "))
        if part.startswith("{")
    ]
    assert len(bodies) == 2
    for body in bodies:
        TypeAdapter[Any](AnyRule).validate_python(body)


def test_a_film_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [commands] = [text for text in blocks("sh") if "streamtrack track" in text]
    # The shell's part by a shell, and the command in this process: one of its own takes seconds to start.
    short = commands.replace("--end 60", "--end 30 --size 128")
    noted = f"streamtrack() {{ printf '%s\\n' \"$@\"; }}\n{short}"
    shell = subprocess.run(["bash", "-ec", noted], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert shell.returncode == 0, shell.stderr
    monkeypatch.chdir(tmp_path)
    assert cli.run(shell.stdout.splitlines()) == 0
    events = [json.loads(line) for line in (tmp_path / "counted/events.jsonl").read_text().splitlines()]
    assert [event["detail"]["rule"] for event in events if event["kind"] == "crossed"] == ["door"]
    assert "door: 0 in, 1 out" in capsys.readouterr().out


def test_links_lead_somewhere() -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)
    assert [path for path in paths if not (DOCS / path).exists()] == []


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    scene = make_scene("leave")
    names: dict[str, Any] = {"frames": [scene.render(index)[0] for index in range(2, 10)]}
    for text in blocks("python"):
        exec(compile(text, "rules.md", "exec"), names)  # the page's own lines
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("entered 1 ")
    assert told[-2] == "[('half', 1), ('door', 0)]"
    assert told[-1] == "[1] (1, 360, 640)"
