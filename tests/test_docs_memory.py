"""What docs/memory.md and docs/object-memory.md say can be pasted: commands, curl and Python run."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamtrack import Tracker
from streamtrack.cli.main import run
from streamtrack.client import Control
from streamtrack.frame import BoolMask, Image
from streamtrack.ingest.scene_file import write_scene
from streamtrack.scenes.scene import make_scene
from streamtrack.server import Server
from tests.support.pictures import drifting_ellipses
from tests.support.pipelines import stream_config
from tests.support.servers import server_config, serving

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("memory.md", "object-memory.md")}
LIMIT_S = 60
ON_IT = slice(120, 240), slice(80, 310)
"""Rows and columns of an object in a picture of 640 x 360."""


def commands(page: str) -> list[str]:
    """Lines for a shell, in fences and indented, those that go on with a backslash in one."""
    text = PAGES[page].replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if re.match(r"( {4}|)(curl|streamtrack) ", line)]
    assert lines
    return lines


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGES["object-memory.md"], flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Image, BoolMask]:
    """The files that are named, in the current folder; the picture, and the mask of its object."""
    monkeypatch.chdir(tmp_path)
    write_scene(make_scene("demo?width=640&height=360&fps=25"), tmp_path / "clip.mp4", 4)
    picture = cv2.resize(drifting_ellipses(num_frames=1)[0], (640, 360))
    mask = np.zeros(picture.shape[:2], np.bool_)
    mask[*ON_IT] = True
    cv2.imwrite("cup-mask.png", mask.astype(np.uint8) * 255)
    for name in ("cup.png", "street.jpg"):
        cv2.imwrite(name, picture[..., ::-1])
    return picture, mask


# Before the server is there: it would track beside all that the commands do.
def test_streamtrack_does_what_it_says(at_hand: object) -> None:
    lines = [shlex.split(line)[1:] for page in PAGES for line in commands(page) if line.startswith("stream")]
    assert {arguments[0] for arguments in lines} == {"track", "remember"}
    for arguments in lines:
        assert run([*arguments, "--overwrite"]) == 0, arguments
    assert Path("cup.memory").stat().st_size > 10_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Two cameras whose objects are followed, and one that sees the same and follows nothing."""
    url = "synthetic:crossing?width=320&height=180&fps=2"
    streams = [stream_config(url, name, pace="newest") for name in ("cam", "door")]
    with serving(
        server_config(*streams, stream_config(url, "yard", pace="newest", autoprompt=None))
    ) as running:
        yield running


@pytest.fixture
def yard(server: Server) -> Iterator[Control]:
    """Follows nothing before and after."""
    with Control(str(server.control_address), stream="yard") as control:
        yield control
        for one in control.list():
            control.remove(one.object_id)


@pytest.mark.parametrize("page", PAGES)
def test_curl_does_what_it_says(page: str, server: Server, yard: Control, tmp_path: Path) -> None:
    lines = [line for line in commands(page) if line.startswith("curl ")]
    assert lines
    for line in lines:
        script = line.replace("http://127.0.0.1:8080", server.http_address)
        script = script.replace("curl ", "curl -sS --fail-with-body ")
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr}"
        for one in yard.list():  # each line finds it anew
            yard.remove(one.object_id)
    if page == "object-memory.md":
        assert (tmp_path / "cup.memory").stat().st_size > 10_000


def test_python_does_what_it_says(server: Server, yard: Control, at_hand: tuple[Image, BoolMask]) -> None:
    picture, mask = at_hand
    tracker = Tracker.from_checkpoint("nano", device="cpu")
    session = tracker.new_session()
    session.add(1, mask=mask)
    session.step(picture)
    names: dict[str, Any] = {"session": session, "picture": picture, "mask": mask, "Control": Control}
    texts = python_blocks()
    assert len(texts) == 3
    for text in texts:
        if "add(1, reference" in text:
            names["session"] = tracker.new_session()
        text = text.replace("tcp://127.0.0.1:5556", str(server.control_address))
        exec(compile(text, "object-memory.md", "exec"), names)
    assert names["other"].object_ids == (7, 8)
    assert [one.object_id for one in yard.list()] != []
