"""What more of anything costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_scaling
from bench.object_rows import ROOT
from tests.support.bench import run
from tests.support.image_files import read_image

AXES = "objects,image_size,history_frames,streams,frames"


@pytest.mark.whole_bench
def test_objects_by_model_beside_another_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--axes", "rows", "--cases", "nano:128", "--former", str(ROOT), "--device", "cpu"]
    monkeypatch.setenv("CXX", "no-such-compiler")
    result, table = run(bench_scaling, tmp_path, monkeypatch, *arguments)
    [case] = result["rows"]
    # Without a compiler what should be compiled takes no part.
    assert list(case["ways"]) == ["not compiled", "not compiled, before"]
    for rows in case["ways"].values():
        assert list(rows) == ["1", "2"]
        assert all(seconds > 0 for row in rows.values() for seconds in row)
    assert (
        "nano at 128 px, in turns, 1 x each, all memories filled with what was found of one object:" in table
    )
    assert not (tmp_path / "scaling.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cases", "nano"], "case 'nano', expected MODEL:PIXELS, such as nano:256"),
        (["--cases", "nana:256"], "nana"),
        (["--former", "/nowhere"], "--former is /nowhere, expected a checkout of this project"),
    ],
)
def test_rows_that_cannot_be_are_one_clear_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench_scaling", *arguments])
    with pytest.raises(SystemExit) as ended:
        bench_scaling.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.whole_bench
def test_quick_run_has_every_axis_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_scaling, tmp_path, monkeypatch, "--device", "cpu", "--axes", AXES)
    axes = result["axes"]
    assert set(axes) == {"objects", "image_size", "history_frames", "streams", "frames"}
    for axis in ("image_size", "history_frames", "streams"):
        small, large = axes[axis]
        assert small["value"] < large["value"]
        assert small["session_bytes"] < large["session_bytes"]
    # The session that runs on holds what it held.
    assert len({point["session_bytes"] for point in axes["frames"]}) == 1
    assert sum(len(point["seconds"]) for point in axes["frames"]) == 2 * bench_scaling.FRAME_BLOCKS
    assert "nano, frames tracked:" in table
    height, width = read_image(tmp_path / "scaling.png").shape[:2]
    assert width > height > 400


def test_unknown_axis_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench_scaling", "--axes", "objects,colours"])
    with pytest.raises(SystemExit) as ended:
        bench_scaling.main()
    assert ended.value.code == 2
    assert "unknown axis colours, expected of: rows, objects, image_size" in capsys.readouterr().err
