"""Sound of the source in the videos that are written: copied packet by packet, cut where the run was cut."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from streamtrack.offline.sound import Sound
from streamtrack.offline.video_file import VideoFile
from streamtrack.offline.video_format import MP4, WEBM_ALPHA, VideoFormat
from tests.support.recordings import frame

FRAMES, FPS = 24, 12
PICTURE = np.full((64, 96, 3), 90, np.uint8)
pytestmark = pytest.mark.needs_program("ffmpeg")


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], timeout=60, check=True)


def clip(path: Path, *codecs: str) -> Path:
    """Two seconds of picture, two and a half of sound."""
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc=size=96x64:rate={FPS}:duration=2"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=2.5"),
        *codecs,
        path,
    )
    return path


@pytest.fixture(scope="module")
def with_aac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("aac") / "clip.mp4", "-c:a", "aac")


@pytest.fixture(scope="module")
def with_pcm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("pcm") / "clip.mkv", "-c:a", "pcm_s16le")


def opener(path: Path) -> Callable[[], Any]:
    return lambda: av.open(str(path))


def copy(
    source: Path,
    out: Path,
    frames: range = range(FRAMES),
    *,
    kind: VideoFormat = MP4,
    to_its_end: bool = True,
) -> VideoFile:
    """A video of some of the source's frames, with its sound."""
    alpha = np.full((64, 96, 1), 255, np.uint8)
    picture = np.concatenate([PICTURE, alpha], axis=2) if kind.has_alpha else PICTURE
    video = VideoFile(out, FPS, kind, Sound(opener(source)))
    for index in frames:
        video.write(picture, frame(picture, index, Fraction(1, FPS)))
    if to_its_end:
        video.let_sound_end()
    video.close()
    return video


def packets(path: Path, kind: str) -> list[tuple[float, str]]:
    """Time and content of a stream's packets, as ffprobe tells them."""
    probed = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-select_streams", kind, "-show_packets", "-show_data_hash", "md5"),
            *("-show_entries", "packet=pts_time,data_hash", "-of", "json", str(path)),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    return [(float(one["pts_time"]), one["data_hash"]) for one in json.loads(probed)["packets"]]


def test_packets_and_their_times_are_the_sources(with_aac: Path, tmp_path: Path) -> None:
    video = copy(with_aac, tmp_path / "a.mp4")
    sound, original = packets(tmp_path / "a.mp4", "a"), packets(with_aac, "a")
    assert [one[1] for one in sound] == [one[1] for one in original]
    assert [one[0] for one in sound] == pytest.approx([one[0] for one in original], abs=1e-4)
    assert [one[0] for one in packets(tmp_path / "a.mp4", "v")] == pytest.approx(
        [index / FPS for index in range(FRAMES)], abs=1e-4
    )
    assert video.notes() == ()


def test_run_of_a_part_has_the_sound_of_that_part(with_aac: Path, tmp_path: Path) -> None:
    copy(with_aac, tmp_path / "a.mp4", range(6, 18), to_its_end=False)
    original = packets(with_aac, "a")
    wanted = [one for one in original if 0.5 <= one[0] < 1.5]
    heard = [one for one in packets(tmp_path / "a.mp4", "a") if one[0] >= 0]
    assert [one[1] for one in heard] == [one[1] for one in wanted]
    assert [one[0] for one in heard] == pytest.approx([one[0] - 0.5 for one in wanted], abs=1e-4)
    assert packets(tmp_path / "a.mp4", "v")[0][0] == 0


def test_stopped_run_ends_its_sound_with_the_last_picture(with_aac: Path, tmp_path: Path) -> None:
    copy(with_aac, tmp_path / "a.mp4", range(6), to_its_end=False)
    assert 0.45 < packets(tmp_path / "a.mp4", "a")[-1][0] < 0.5


def test_video_with_sound_plays_while_it_grows(with_aac: Path, tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "a.mp4", FPS, MP4, Sound(opener(with_aac)))
    for index in range(8 * FRAMES):
        video.write(PICTURE, frame(PICTURE, index, Fraction(1, FPS)))
    grown = tmp_path / "grown.mp4"
    shutil.copyfile(tmp_path / "a.mp4", grown)
    video.close()
    with av.open(str(grown)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 4 * FRAMES
    assert len(packets(grown, "a")) > 80


def loudness(path: Path) -> tuple[float, float]:
    """Seconds of sound and its root mean square, 0 to 1."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 16_000)
        decoded = [ready for one in container.decode(audio=0) for ready in resampler.resample(one)]
    samples = np.concatenate([one.to_ndarray().ravel() for one in decoded])
    return len(samples) / 16_000, float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize(("kind", "suffix", "codec"), [(MP4, "mp4", "aac"), (WEBM_ALPHA, "webm", "opus")])
def test_sound_that_the_container_cannot_hold_is_encoded_anew_and_told(
    with_pcm: Path, tmp_path: Path, kind: VideoFormat, suffix: str, codec: str
) -> None:
    out = tmp_path / f"a.{suffix}"
    video = copy(with_pcm, out, kind=kind)
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == codec
    seconds, volume = loudness(out)
    original_seconds, original_volume = loudness(with_pcm)
    assert seconds == pytest.approx(original_seconds, abs=0.08), "two encoder frames"
    assert volume == pytest.approx(original_volume, rel=0.1)
    assert video.notes() == (f"sound of {out.name} encoded anew ({kind.container} cannot hold it)",)


def test_sound_of_a_broadcast_is_copied_without_its_headers(tmp_path: Path) -> None:
    source, out = clip(tmp_path / "clip.ts", "-c:a", "aac"), tmp_path / "a.mp4"
    with av.open(str(source)) as container:
        first = next(container.decode(video=0))
        starts_s, time_base = first.pts, first.time_base
    video = VideoFile(out, FPS, MP4, Sound(opener(source)))
    for index in range(FRAMES):
        pts = starts_s + round(index / FPS / time_base)
        video.write(PICTURE, frame(PICTURE, pts, time_base))
    video.let_sound_end()
    video.close()
    assert video.notes() == ()
    sound, original = packets(out, "a"), packets(source, "a")
    assert len(sound) == len(original)
    assert sound[0][0] == pytest.approx(original[0][0] - float(starts_s * time_base), abs=1e-3)
    assert loudness(out) == pytest.approx(loudness(source), rel=0.02)


def test_source_without_sound_or_that_is_no_recording_makes_a_silent_video(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc=size=96x64:rate={FPS}:duration=1", silent)
    copy(silent, tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio
    video = VideoFile(tmp_path / "b.mp4", FPS, MP4, Sound(lambda: None))
    for index in range(3):
        video.write(PICTURE, frame(PICTURE, index, Fraction(1, FPS)))
    video.close()
    assert len(packets(tmp_path / "b.mp4", "v")) == 3


def test_source_that_is_gone_leaves_a_video_without_sound_and_is_told(tmp_path: Path) -> None:
    video = copy(tmp_path / "nowhere.mp4", tmp_path / "a.mp4")
    assert len(packets(tmp_path / "a.mp4", "v")) == FRAMES
    assert video.notes() == ("sound of a.mp4 ends where the source's cannot be read",)
