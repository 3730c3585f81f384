"""`streamtrack config`: YAML that can be read again, each value with where it comes from, no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streamtrack.cli import main as cli
from streamtrack.config import parse_config

TOKEN = "a-token-that-nobody-guesses"
LIVE = f"""\
streams:
  - name: gate
    source: {{url: "rtsp://admin:hunter2@192.0.2.1/x?token=hunter2"}}
    autoprompt: {{kind: detector, classes: [person, "traffic light"]}}
  - name: yard
    source: {{url: "synthetic:demo"}}
    tracking: {{keyframe_interval: 2}}
    prompts: [{{object_id: 1, label: "a: b", points: [[1, 2]]}}]
http: {{token: {TOKEN}, host: 0.0.0.0}}
"""


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(["config", *arguments]) == 0
    return capsys.readouterr().out


def origin(text: str, line: str) -> list[str]:
    """What stands behind each line that begins so."""
    return [found.partition("# ")[2] for found in text.splitlines() if found.strip().startswith(line)]


def test_each_value_says_where_it_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(LIVE)
    text = shown(capsys, str(path), "--preset", "fast", "--port", "0", "--set", "tracking.max_objects=3")
    assert origin(text, "- name: yard") == [f"{path}:5"]
    assert origin(text, "keyframe_interval: 4") == ["preset fast"]
    assert origin(text, "keyframe_interval: 2") == [f"{path}:7"]
    assert origin(text, "max_objects: 3") == ["--set", "--set"]
    assert origin(text, "preset: fast") == ["--preset"]
    assert origin(text, "port: 0") == ["--port"]
    assert origin(text, "device: auto") == ["default"]
    assert origin(text, "threads:") == ["this machine's cores but one"]


def test_secrets_are_hidden_and_the_rest_reads_as_a_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "live.yaml"
    path.write_text(LIVE)
    text = shown(capsys, str(path))
    assert "hunter2" not in text
    assert TOKEN not in text
    raw = yaml.safe_load(text)
    assert raw["http"].pop("token") == "***"
    raw["http"]["allow_open"] = True
    config = parse_config(raw, "shown")
    assert config.streams[1].prompts[0].label == "a: b"
    assert config.streams[0].source.url == "rtsp://***@192.0.2.1/x?token=***"


def test_source_by_itself_has_a_config_too(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "synthetic:demo")
    assert origin(text, "url: synthetic:demo") == ["command line"]


def test_shipped_demo_shows_its_preset(capsys: pytest.CaptureFixture[str]) -> None:
    demo = Path(__file__).parents[2] / "configs" / "demo.yaml"
    text = shown(capsys, str(demo), "--set", "model.preset=fast")
    assert origin(text, "keyframe_interval: 4") == ["preset fast"]
    assert origin(text, "preset: fast") == ["--set"]
