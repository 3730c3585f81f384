"""When recordings begin and end, what the disk does to them, and that they never take more than they may."""

from __future__ import annotations

import errno
import os
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from streamtrack.clock import FakeClock
from streamtrack.config import ArchiveConfig, RecordingConfig
from streamtrack.frame import Event, EventKind
from streamtrack.recording.film_head import head_of_stream
from streamtrack.recording.film_packet import TICKS_PER_S, FilmPacket
from streamtrack.recording.library import Library
from streamtrack.recording.names import begun_ms
from streamtrack.recording.recorder import Recorder
from streamtrack.recording.shelf import GB, Shelf
from tests.support.films import film_packets, write_clip

START_MS = 1_700_000_000_000
DAY_S = 86_400


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", 50)


@pytest.fixture(scope="module")
def head(clip: Path) -> bytes:
    with av.open(str(clip)) as container:
        return head_of_stream(container.streams.video[0])


@pytest.fixture(scope="module")
def packets(clip: Path) -> list[FilmPacket]:
    return film_packets(clip, wall_ms=START_MS)


class Bench:
    """A recorder on a fake clock, fed with one keyframe after the other."""

    def __init__(
        self, folder: Path, head: bytes, packet: FilmPacket, config: RecordingConfig, **archive: Any
    ) -> None:
        self.clock = FakeClock(wall_ns=START_MS * 1_000_000)
        self.shelf = Shelf(ArchiveConfig(folder=folder, **{"min_free_gb": 0, **archive}), self.clock)
        self.told: list[Event] = []
        self.recorder = Recorder("cam", config, self.shelf, self.clock, self.told.append)
        self.recorder.begin_kind(head)
        self.packet = packet
        self.count = 0

    def feed(self, seconds: float, every_s: float = 1.0) -> None:
        for _ in range(round(seconds / every_s)):
            ticks = self.count * TICKS_PER_S
            wall_ms = self.clock.wall_ns() // 1_000_000
            self.recorder.picture(
                replace(self.packet, pts=ticks, dts=ticks, wall_ms=wall_ms), (1, self.count)
            )
            self.recorder.idle()
            self.count += round(every_s)
            self.clock.advance_ms(every_s * 1000)

    def spans(self) -> list[tuple[float, float]]:
        """From when to when it recorded, in seconds since the start."""
        self.recorder.close()
        found = Library(self.shelf).list("cam")
        return [((one.begun_ms - START_MS) / 1000, (one.ended_ms - START_MS) / 1000) for one in found]


@pytest.fixture
def bench(tmp_path: Path, head: bytes, packets: list[FilmPacket]) -> Any:
    def make(config: RecordingConfig, **archive: Any) -> Bench:
        return Bench(tmp_path / "kept", head, packets[0], config, **archive)

    return make


def test_continuous_recording_is_cut_at_keyframes_without_a_gap(bench: Any) -> None:
    found = bench(RecordingConfig(mode="continuous", segment_s=20))
    found.feed(70)
    assert found.spans() == [(0, 20), (20, 40), (40, 60), (60, 70)]


def test_event_begins_its_pre_roll_earlier_and_ends_its_post_roll_later(bench: Any) -> None:
    found = bench(RecordingConfig(mode="events", pre_roll_s=8, post_roll_s=5))
    found.feed(60)
    found.recorder.happened((1, 50))  # told late: ten seconds after its frame
    found.feed(60)
    assert found.spans() == [(42, 60)]


def test_event_within_the_post_roll_of_another_goes_on_with_its_film(bench: Any) -> None:
    found = bench(RecordingConfig(mode="events", pre_roll_s=5, post_roll_s=10))
    found.feed(20)
    found.recorder.happened((1, 19))
    found.feed(8)
    found.recorder.happened((1, 27))
    found.feed(60)
    assert found.spans() == [(14, 38)]


def test_event_right_after_a_film_has_ended_repeats_none_of_it(bench: Any) -> None:
    found = bench(RecordingConfig(mode="events", pre_roll_s=10, post_roll_s=5))
    found.feed(20)
    found.recorder.happened((1, 19))
    found.feed(8)
    found.recorder.happened((1, 27))
    found.feed(20)
    assert found.spans() == [(9, 25), (25, 33)]


def test_event_without_a_frame_is_taken_for_now(bench: Any) -> None:
    found = bench(RecordingConfig(mode="events", pre_roll_s=5, post_roll_s=3))
    found.feed(20)
    found.recorder.happened(None)
    found.feed(10)
    assert found.spans() == [(14, 23)]


def test_film_that_gets_no_picture_is_completed(bench: Any) -> None:
    found = bench(RecordingConfig(mode="continuous"))
    found.feed(5)
    found.clock.advance_ms(11_000)
    found.recorder.idle()
    (one,) = Library(found.shelf).list("cam")
    assert not one.is_open


def test_masks_of_late_frames_go_to_the_film_of_their_picture(bench: Any) -> None:
    found = bench(RecordingConfig(mode="continuous", segment_s=10))
    found.feed(12)
    for index in (8, 9, 10, 11):
        found.recorder.masks({"frame": index, "objects": []}, (1, index))
    found.recorder.masks({"frame": 99, "objects": []}, (1, 99))  # its picture never came
    found.spans()
    kept = found.shelf.kept("cam")
    lines = [found.shelf.paths(one)["masks"].read_text().splitlines()[1:] for one in kept]
    assert [len(one) for one in lines] == [2, 2]
    assert '"pts":720000' in lines[0][0]
    assert '"pts":0' in lines[1][0]


def test_full_disk_stops_recording_with_one_event_and_it_goes_on_later(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    room = [10 * GB]
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, room[0]))
    found = bench(RecordingConfig(mode="continuous", segment_s=10), min_free_gb=1)
    found.feed(15)
    room[0] = GB // 2
    found.feed(40)
    assert [event.kind for event in found.told] == [EventKind.RECORDING_STOPPED]
    assert "min_free_gb" in found.told[0].detail["reason"]
    assert found.recorder.trouble is not None
    room[0] = 10 * GB
    found.feed(20)
    assert [event.kind for event in found.told] == [EventKind.RECORDING_STOPPED, EventKind.RECORDING_RESUMED]
    assert found.recorder.trouble is None
    spans = found.spans()
    assert spans[:2] == [(0, 10), (10, 20)]
    assert spans[2][0] == pytest.approx(55, abs=5)


def test_write_that_fails_is_told_and_leaves_films_that_play(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bench(RecordingConfig(mode="continuous", segment_s=10))
    found.feed(5)

    def refuse(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("streamtrack.recording.film_writer.os.write", refuse)
        found.feed(20)
    assert [event.kind for event in found.told] == [EventKind.RECORDING_STOPPED]
    assert found.told[0].detail["reason"] == "No space left on device"
    found.feed(20)
    assert found.told[-1].kind is EventKind.RECORDING_RESUMED
    assert len(found.spans()) >= 2


def test_recording_of_which_nothing_can_be_played_leaves_no_file(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bench(RecordingConfig(mode="continuous", segment_s=10))
    write, heads = os.write, []

    def head_alone(file: int, data: bytes) -> int:
        if b"moof" in bytes(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        heads.append(file)
        return write(file, data)

    with monkeypatch.context() as full:
        full.setattr("streamtrack.recording.film_writer.os.write", head_alone)
        found.feed(3)
    assert heads, "nothing was written at all"
    assert [path for path in found.shelf.folder.rglob("*") if path.is_file()] == []
    assert found.shelf.num_bytes == 0
    assert [event.kind for event in found.told] == [EventKind.RECORDING_STOPPED]


def test_bounds_hold_over_a_day(bench: Any) -> None:
    max_bytes, keep_s = 10_000_000, 6 * 3_600
    config = RecordingConfig(mode="continuous", segment_s=60, masks=False)
    found = bench(config, max_gb=max_bytes / GB, keep_days=keep_s / DAY_S)
    most = oldest = 0
    for _ in range(DAY_S // 600):
        found.feed(600, every_s=30)
        sizes = {path: path.stat().st_size for path in found.shelf.folder.rglob("*.mp4")}
        most = max(most, sum(sizes.values()))
        assert sum(sizes.values()) == found.shelf.num_bytes
        begun = min(begun_ms(path.name.removesuffix(".clean.mp4")) or 0 for path in sizes)
        oldest = max(oldest, found.clock.wall_ns() // 1_000_000 - begun)
    size = most / len(found.shelf.kept())
    assert most <= max_bytes
    assert most > max_bytes / 2 or oldest > 0.9 * keep_s * 1000, "neither bound was reached"
    # A film is looked at once a minute, and begins up to a segment before it ends.
    assert oldest <= (keep_s + 180) * 1000, size


def test_what_is_written_is_never_deleted(bench: Any) -> None:
    found = bench(RecordingConfig(mode="continuous", segment_s=3_600, masks=False), max_gb=0.01)
    big = replace(found.packet, data=found.packet.data + bytes(400_000))
    found.packet = big
    found.feed(60)
    assert found.shelf.num_bytes > 0.01 * GB
    (one,) = found.shelf.kept()
    assert one.is_open
    assert found.shelf.paths(one)["clean"].is_file()
