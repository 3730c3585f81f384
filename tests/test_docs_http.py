"""What docs/http.md says can be pasted: its commands run with curl, its Python runs, its links lead on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamtrack.config import CamerasConfig
from streamtrack.server import Server
from tests.support.pipelines import stream_config
from tests.support.recordings import write_clip
from tests.support.servers import server_config, serving

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "http.md").read_text(encoding="utf-8")
LIMIT_S = 90


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    demo = stream_config("synthetic:leave?width=320&height=180&fps=4", "demo", pace="newest")
    cameras = CamerasConfig(state_dir=tmp_path_factory.mktemp("state"))
    config = server_config(demo, cameras=cameras)
    with serving(config, read_config=lambda: config) as running:
        yield running


def test_commands_run(server: Server, tmp_path: Path) -> None:
    address = server.http_address.removeprefix("http://")
    script = "\n".join(blocks("sh")).replace("localhost:8080", address)
    # Less to look at and to wait for than a reader would like.
    script = script.replace("synthetic:crossing", "synthetic:crossing?width=160&height=90&fps=5")
    script = script.replace("--max-time 2 ", "--max-time 0.5 ")
    script = re.sub(r"\bcurl ", "curl -sS --fail-with-body ", script).replace(
        "python3 ", f"{sys.executable} "
    )
    write_clip(tmp_path / "clip.mp4")
    done = subprocess.run(
        ["bash", "-e", "-u", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert (
        (tmp_path / "labels.png").read_bytes()[:4] == (tmp_path / "mask.png").read_bytes()[:4] == b"\x89PNG"
    )
    assert (tmp_path / "still.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (tmp_path / "overlay.mp4").read_bytes()[4:8] == b"ftyp"
    assert (tmp_path / "results.zip").read_bytes()[:2] == b"PK"
    assert server.stream_names() == ("demo",)


def test_python_runs(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = blocks("python")
    address = server.http_address.removeprefix("http://")
    exec(compile(text.replace("localhost:8080", address), "http.md", "exec"), {})
    assert re.fullmatch(r"\d+ \{.*\}\n", capsys.readouterr().out)


def test_links_lead_somewhere() -> None:
    paths = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", PAGE)
    assert paths
    assert [path for path in paths if not (DOCS / path).exists()] == []
