"""The files of a film's results from Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

import av
import pytest

from streamtrack.errors import PublishError
from streamtrack.frame import FrameResult
from streamtrack.offline import export_results
from tests.support.exports import BALL, opens
from tests.support.recordings import FRAMES, update, write_clip

DOCS = Path(__file__).parents[2] / "docs" / "exporters.md"


def results(*indices: int) -> list[FrameResult]:
    found = (update(index, objects=[BALL]).result for index in indices)
    return [one for one in found if one is not None]


def test_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    write_clip(tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "exporters.md", "exec"), {})
    with av.open("out/overlay.mp4") as overlay:
        assert sum(1 for _ in overlay.decode(video=0)) == FRAMES
    assert len(json.loads(Path("out/coco.json").read_text())["images"]) == FRAMES


def test_results_of_any_source_are_written_without_one(tmp_path: Path) -> None:
    count = export_results(results(0, 3, 4), tmp_path / "out", ["overlay,csv", "masks"])
    assert count == 3
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) == 3 + 3
    assert all(map(opens, written))


def test_frames_out_of_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="frame 2 came after frame 3, expected rising numbers"):
        export_results(results(3, 2), tmp_path / "out", ["csv"])
