"""What more of anything costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_scaling
from tests.support.bench import run
from tests.support.image_files import read_image


@pytest.mark.whole_bench
def test_quick_run_has_every_axis_and_a_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, table = run(bench_scaling, tmp_path, monkeypatch, "--device", "cpu")
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
    assert "unknown axis colours, expected of: objects, image_size" in capsys.readouterr().err
