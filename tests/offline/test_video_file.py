"""The annotated MP4: colours, times and shape as a player shows them, whatever ends the run."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from streamtrack.frame import Image
from streamtrack.offline.video_file import VideoFile, fit_into
from tests.support.recordings import frame

COLOURS = [(200, 30, 40), (30, 180, 60), (40, 60, 210), (240, 240, 240), (10, 10, 10), (220, 180, 40)]
SD, HD = (320, 192), (1280, 720)
YEAR_S = 365 * 86_400


def bars(size: tuple[int, int] = SD) -> Image:
    """(H, W, 3) upright bars of COLOURS; their edges lie on whole chroma samples."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    edges = [index * width // len(COLOURS) & ~1 for index in range(len(COLOURS) + 1)]
    for colour, left, right in zip(COLOURS, edges[:-1], edges[1:], strict=True):
        picture[:, left:right] = colour
    return picture


def write(path: Path, pictures: list[Image], times: list[int] | None = None, **clock: Fraction) -> Path:
    video = VideoFile(path, 25)
    for index, picture in enumerate(pictures):
        video.write(picture, frame(picture, index if times is None else times[index], **clock))
    video.close()
    return path


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(shown.time or 0) for shown in container.decode(video=0)]


def output(*argv: str | Path) -> bytes:
    return subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout


needs_ffmpeg = pytest.mark.needs_program("ffmpeg")


@needs_ffmpeg
@pytest.mark.parametrize(("size", "matrix"), [(SD, "smpte170m"), (HD, "bt709")])
def test_player_shows_the_colours_that_were_drawn(tmp_path: Path, size: tuple[int, int], matrix: str) -> None:
    path = write(tmp_path / "overlay.mp4", [bars(size)] * 2)
    entries = "stream=color_space,color_primaries,color_transfer,color_range"
    probed = output("ffprobe", "-v", "error", "-show_entries", entries, "-of", "default=nw=1", path).decode()
    for name in ("color_space", "color_primaries", "color_transfer"):
        assert f"{name}={matrix}" in probed
    assert "color_range=tv" in probed
    raw = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            str(path),
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    shown = np.frombuffer(raw, np.uint8).reshape(size[1], size[0], 3).astype(int)
    middles = [(2 * index + 1) * size[0] // (2 * len(COLOURS)) for index in range(len(COLOURS))]
    # Two levels for 8 bits of YCbCr and two for x264; the other matrix is off by 20 and more.
    assert np.abs(shown[size[1] // 2, middles] - np.array(COLOURS)).max() <= 4


def test_times_are_the_sources_from_the_first_picture_on(tmp_path: Path) -> None:
    ticks = [126_000, 129_003, 131_999, 300_000, 300_001, 390_000]
    path = write(tmp_path / "a.mp4", [bars()] * 6, ticks, time_base=Fraction(1, 90_000))
    assert times_of(path) == pytest.approx([(tick - ticks[0]) / 90_000 for tick in ticks], abs=1e-6)


def test_time_that_repeats_or_is_not_told_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [bars()] * 4, [5, 5, 4, 9])
    assert times_of(path) == pytest.approx([0, 0.04, 0.08, 0.16], abs=1e-3)
    video = VideoFile(tmp_path / "b.mp4", 10)
    for _ in range(3):
        video.write(bars(), frame(bars()))
    video.close()
    assert times_of(tmp_path / "b.mp4") == pytest.approx([0, 0.1, 0.2], abs=1e-3)


@pytest.mark.parametrize("time_base", [Fraction(1, 90_000), Fraction(1, 1000), Fraction(1, 10_000_000)])
@pytest.mark.parametrize("gap_s", [6 * 3600, 7 * 3600, 3 * YEAR_S])
def test_gap_is_kept_as_far_as_the_container_can_and_every_picture_with_it(
    tmp_path: Path, time_base: Fraction, gap_s: int
) -> None:
    step = round(Fraction(1, 25) / time_base)
    ticks = [index * step + (round(gap_s / time_base) if index >= 5 else 0) for index in range(10)]
    video = VideoFile(tmp_path / "a.mp4", 25)
    for tick in ticks:
        video.write(bars(), frame(bars(), tick, time_base))
    shortened = video.num_shortened_gaps
    video.close()
    times = times_of(tmp_path / "a.mp4")
    assert len(times) == 10
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    gap = times[5] - times[4]
    if shortened:
        assert 6 * 3600 < gap < gap_s
    else:
        assert gap == pytest.approx(gap_s + 0.04, abs=1e-3)
    assert shortened == (gap_s > 6 * 3600 and not (time_base == Fraction(1, 1000) and gap_s < YEAR_S))
    assert times[9] - times[5] == pytest.approx(0.16, abs=1e-3), "what follows the gap is not moved"


def test_picture_of_another_shape_is_fitted_and_not_squashed(tmp_path: Path) -> None:
    upright = np.zeros((480, 240, 3), np.uint8)
    upright[100:200, 50:150] = 255
    fitted = fit_into(upright, SD)
    assert fitted.shape == (192, 320, 3)
    rows, columns = np.nonzero(fitted[..., 0] > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)
    assert abs(columns.mean() - (320 / 2 + (100 - 120) * 192 / 480)) < 1
    path = write(tmp_path / "a.mp4", [bars(), upright, bars()])
    with av.open(str(path)) as container:
        sizes = {(shown.width, shown.height) for shown in container.decode(video=0)}
    assert sizes == {SD}


def test_file_plays_while_it_grows(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "a.mp4", 25)
    for index in range(60):
        video.write(bars(), frame(bars(), index))
    killed = tmp_path / "killed.mp4"
    shutil.copy(tmp_path / "a.mp4", killed)
    # x264 holds some pictures back to look ahead.
    assert 40 <= len(times_of(killed)) < 60
    video.close()
    assert len(times_of(tmp_path / "a.mp4")) == 60


@pytest.mark.parametrize("bytes_left", [500, 40_000])
def test_full_disk_leaves_a_file_that_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_left: int
) -> None:
    real_write = os.write
    left = [bytes_left]

    def write_until_full(file: int, data: bytes) -> int:
        if len(data) > left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= len(data)
        return real_write(file, data)

    rng = np.random.default_rng(3)
    video = VideoFile(tmp_path / "a.mp4", 25)
    monkeypatch.setattr("streamtrack.offline.whole_writes.os.write", write_until_full)
    written = 0
    with pytest.raises(OSError, match="No space left"):  # noqa: PT012
        for index in range(100):
            picture = rng.integers(0, 255, (48, 64, 3), np.uint8)
            video.write(picture, frame(picture, index))
            written += 1
    with pytest.raises(OSError, match="No space left"):
        video.close()
    monkeypatch.undo()
    if bytes_left == 500:
        assert not (tmp_path / "a.mp4").exists(), "not one picture fitted"
    else:
        assert 1 <= len(times_of(tmp_path / "a.mp4")) <= written


def test_video_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    VideoFile(tmp_path / "a.mp4", 25).close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(2, 2), (16, 2), (2, 160)])
def test_tiny_pictures_are_written(tmp_path: Path, size: tuple[int, int]) -> None:
    assert len(times_of(write(tmp_path / "a.mp4", [bars(size)] * 3))) == 3
