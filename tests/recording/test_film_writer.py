"""Films that end anywhere: each plays to its last whole fragment, masks are read to the last whole line."""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import av
import pytest

from streamtrack.recording.film_head import head_of_keyframe, head_of_stream
from streamtrack.recording.film_shape import read_shape
from streamtrack.recording.film_writer import FilmWriter
from streamtrack.recording.masks_file import read_lines
from tests.support.films import FPS, film_packets, shown_times, write_clip
from tests.support.killed import killed_recordings
from tests.support.waiting import SOON_S

FRAMES = 100
CUTS = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "b.mp4", FRAMES, b_frames=2)


@pytest.fixture(scope="module")
def film(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "whole.mp4"
    with av.open(str(clip)) as container:
        head = head_of_stream(container.streams.video[0])
    packets = film_packets(clip, first=5_000)
    sizes: list[int] = []
    writer = FilmWriter(path, head, 5_000, sizes.append)
    for packet in packets:
        writer.write(packet)
    writer.close()
    assert sum(sizes) == path.stat().st_size
    return path


def test_whole_film_has_every_picture_at_its_time(film: Path, clip: Path) -> None:
    shape = read_shape(film)
    assert shape.whole_bytes == film.stat().st_size
    assert shape.num_fragments == FRAMES // FPS
    assert shape.duration_s == pytest.approx(FRAMES / FPS)
    assert shown_times(film) == sorted(packet.pts for packet in film_packets(clip))


@dataclass
class Written:
    """What a process asks of a file, to be done again up to any byte."""

    steps: list[tuple[int, bytes]] = field(default_factory=list)
    """Where, and what."""
    at: int = 0
    end: int = 0

    def write(self, file: int, data: bytes) -> int:
        self.steps.append((self.at, bytes(data)))
        self.at += len(data)
        self.end = max(self.end, self.at)
        return len(data)

    def seek(self, file: int, place: int, how: int) -> int:
        self.at = self.end + place if how == os.SEEK_END else place
        return self.at

    def until(self, num_bytes: int) -> bytes:
        """The file after so many bytes were written."""
        found = bytearray()
        for place, data in self.steps:
            data = data[:num_bytes]
            num_bytes -= len(data)
            found[place : place + len(data)] = data
        return bytes(found)


def test_film_killed_at_any_byte_plays_to_its_last_whole_fragment(
    film: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written()
    with av.open(str(clip)) as container:
        head = head_of_stream(container.streams.video[0])
    with monkeypatch.context() as patched:
        patched.setattr("streamtrack.recording.film_writer.os.write", written.write)
        patched.setattr("streamtrack.recording.film_writer.os.lseek", written.seek)
        writer = FilmWriter(tmp_path / "none.mp4", head, 0, lambda _: None)
        for packet in film_packets(clip):
            writer.write(packet)
        writer.close()
    total = sum(len(data) for _, data in written.steps)
    times, first = shown_times(film), read_shape(film).head_bytes
    assert written.until(total) == film.read_bytes()
    # Every byte of a fragment's table and of its name, and some of all the rest.
    second = written.until(total).index(b"moof", first + 64) - 4
    places = {*range(second, second + 420, 7), *random.Random(5).sample(range(first, total), CUTS), total - 1}
    for place in sorted(places):
        killed = tmp_path / "killed.mp4"
        killed.write_bytes(written.until(place))
        shape = read_shape(killed)
        # A fragment is a second here: each begins with a keyframe.
        assert shape.duration_s == pytest.approx(shape.num_fragments)
        expected = times[: shape.num_fragments * FPS]
        if expected:
            assert shown_times(killed) == expected, place
    assert shape.num_fragments == FRAMES // FPS


def test_disk_that_refuses_leaves_whole_fragments(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with av.open(str(clip)) as container:
        head = head_of_stream(container.streams.video[0])
    writer = FilmWriter(tmp_path / "a.mp4", head, 0, lambda _: None)
    real, left = os.write, [3_000]

    def write(file: int, data: bytes) -> int:
        count = min(len(data), left[0])
        if count == 0:
            raise OSError(28, "No space left on device")
        left[0] -= count
        return real(file, bytes(data[:count]))

    monkeypatch.setattr("streamtrack.recording.film_writer.os.write", write)

    def write_all() -> None:
        for packet in film_packets(clip):
            writer.write(packet)

    with pytest.raises(OSError, match="No space"):
        write_all()
    writer.abandon()
    shape = read_shape(tmp_path / "a.mp4")
    assert shape.whole_bytes == (tmp_path / "a.mp4").stat().st_size > 0


def test_keyframe_behind_start_codes_makes_the_head_of_a_film(tmp_path: Path) -> None:
    raw = write_clip(tmp_path / "a.h264", 1).read_bytes()
    assert b"avcC" in head_of_keyframe("h264", raw)


@pytest.mark.process
@pytest.mark.needs_program("ffprobe")
def test_recording_killed_at_five_random_moments_plays_to_the_last_fragment(
    clip: Path, tmp_path: Path
) -> None:
    folders = killed_recordings(tmp_path, clip)
    for folder in folders:
        check_killed(folder)


def check_killed(folder: Path) -> None:
    """Every film plays in ffprobe and in PyAV to its last fragment, and every line of masks is one."""
    films = sorted(folder.rglob("*.mp4"))
    assert films
    for film in films:
        shape = read_shape(film)
        if not shape.num_fragments:
            continue  # it had just begun
        times = shown_times(film)
        assert max(times) / 90_000 == pytest.approx(shape.duration_s, abs=4 / FPS)
        probed = subprocess.run(
            ["ffprobe", "-v", "quiet", "-count_frames", "-of", "json", "-show_streams", str(film)],
            capture_output=True,
            timeout=SOON_S,
            check=True,
        )
        (stream,) = json.loads(probed.stdout)["streams"]
        assert int(stream["nb_read_frames"]) == len(times)
    for masks in folder.rglob("*.jsonl"):
        with masks.open("rb") as file:
            lines = list(read_lines(file))
        whole = masks.read_bytes().count(b"\n") - 1
        assert len(lines) == max(0, whole)


def test_line_that_is_no_text_is_left_out() -> None:
    damaged = b'{"pts":1}\n{"\xe4":1}\n{"pts":' + b"[" * 5_000 + b'\n{"pts":2}\n'
    assert [line["pts"] for line in read_lines(BytesIO(b"head\n" + damaged))] == [1, 2]
