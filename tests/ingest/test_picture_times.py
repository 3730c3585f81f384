from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from streamtrack.config import SourceConfig
from streamtrack.ingest import FrameReader
from streamtrack.ingest.picture_times import PictureTimes

pytestmark = pytest.mark.needs_program("ffmpeg", "ffprobe")

TICK = Fraction(1, 25)
NUM_FRAMES = 12

CONTAINERS = [
    ("mp4", "libx264"),
    ("mkv", "libx264"),
    ("avi", "libx264"),
    ("ts", "libx264"),
    ("flv", "libx264"),
    ("mov", "libx264"),
    ("3gp", "libx264"),
    ("mpg", "mpeg2video"),
    ("webm", "libvpx"),
    ("ogv", "libtheora"),
    ("wmv", "wmv2"),
]


def write_clip(path: Path, codec: str, *options: str) -> None:
    """A test picture with two B-frames between others, where the codec knows them."""
    source = ["-f", "lavfi", "-i", f"testsrc=size=96x64:rate=25:duration={NUM_FRAMES / 25}"]
    reorder = ["-bf", "2", "-g", "6"] if codec in ("libx264", "mpeg2video") else []
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        *source,
        "-c:v",
        codec,
        *reorder,
        "-pix_fmt",
        "yuv420p",
        *options,
    ]
    subprocess.run([*command, str(path)], check=True, timeout=30)


def ffprobe_times(path: Path) -> list[float | None]:
    """Best effort time of each picture in seconds, in order."""
    entries = "frame=best_effort_timestamp_time"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0"]
    told = subprocess.run(
        [*command, str(path)], check=True, capture_output=True, text=True, timeout=30
    ).stdout
    words = [line.split(",")[0] for line in told.splitlines() if line.strip()]
    return [None if word == "N/A" else float(word) for word in words]


def times_of(path: Path) -> list[float]:
    with FrameReader(SourceConfig(url=str(path))) as reader:
        return [float(f.pts * f.time_base) for f in reader if f.pts is not None]


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
def test_times_of_each_container_rise_and_are_ffprobes(suffix: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_clip(path, codec)

    times = times_of(path)

    assert len(times) == NUM_FRAMES
    assert all(later > earlier for earlier, later in pairwise(times))
    told = ffprobe_times(path)
    assert sum(time is not None for time in told) >= NUM_FRAMES - 2  # AVI's last ones have none
    for ours, theirs in zip(times, told, strict=False):
        assert theirs is None or ours == pytest.approx(theirs, abs=1e-4)  # ffprobe prints six digits


def test_hours_between_two_pictures_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    gap = "settb=1/1000,setpts='PTS+if(gte(N\\,6)\\,21600000\\,0)'"
    write_clip(path, "libx264", "-vf", gap, "-vsync", "passthrough", "-bf", "0")

    times = times_of(path)

    assert len(times) == NUM_FRAMES
    assert max(later - earlier for earlier, later in pairwise(times)) == pytest.approx(21_600, abs=0.1)


def test_missing_times_go_on_by_a_picture() -> None:
    times = PictureTimes(Fraction(1, 1000), 25)

    assert [times.stamp(pts, None) for pts in (100, None, None, 220)] == [100, 140, 180, 220]
    assert PictureTimes(Fraction(1, 1000), 50).stamp(None, None) == 0


def test_negative_times_stay_as_they_are() -> None:
    times = PictureTimes(TICK, 25)

    assert [times.stamp(pts, pts) for pts in (-2, -1, 0)] == [-2, -1, 0]


def test_mpeg_clock_that_wraps_goes_on() -> None:
    times = PictureTimes(Fraction(1, 90_000), 25)
    wrap = 1 << 33

    stamps = [times.stamp(pts % wrap, None) for pts in (wrap - 7200, wrap - 3600, wrap, wrap + 3600)]

    assert stamps == [wrap - 7200, wrap - 3600, wrap, wrap + 3600]
    assert times.stepped_back_s == 0


def test_times_that_go_back_are_moved_and_told() -> None:
    times = PictureTimes(TICK, 25)
    times.stamp(1000, None)

    moved = times.stamp(0, None)

    assert moved == 1001
    assert times.stepped_back_s == 40
    assert times.stamp(1, None) == 1002
    assert times.stepped_back_s == 0


def test_picture_out_of_order_moves_none_after_it() -> None:
    times = PictureTimes(Fraction(1, 1000), 25)

    assert [times.stamp(pts, None) for pts in (0, 80, 40, 120)] == [0, 80, 81, 120]
    assert times.stepped_back_s == 0


def test_container_of_decode_times_goes_by_those() -> None:
    times = PictureTimes(TICK, 25, decode_stamps_only=True)

    stamps = [times.stamp(pts, dts) for pts, dts in ((1, 2), (3, 3), (2, 4), (6, None))]

    assert stamps == [2, 3, 4, 5]
