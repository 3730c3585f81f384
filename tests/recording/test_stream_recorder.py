"""A source recorded while it is tracked: packets as they are, masks in step, events with their pre-roll."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from streamtrack.config import RecordingConfig
from streamtrack.frame import Event, EventKind
from streamtrack.ingest.tap import CodedStream
from tests.support.films import FPS, SIZE, Recorded, record_source, recording, shown_times, write_clip

TICKS_A_FRAME = 90_000 // FPS


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "b.mp4", 110, b_frames=2)


def test_packets_are_kept_as_they_are_and_masks_stand_at_their_pictures(clip: Path, tmp_path: Path) -> None:
    found = record_source(tmp_path, str(clip), RecordingConfig(mode="continuous", segment_s=2, overlay=True))
    recordings = found.all()
    assert found.recorder.status().clean == "packets"
    assert found.dropped == {}
    kept = [packet for one in recordings for packet in packets_of(found.path(one.name, "clean"))]
    assert kept == packets_of(clip)
    assert [one.films for one in recordings] == [("clean", "overlay")] * len(recordings)
    assert len(recordings) == 3
    frames = []
    for one in recordings:
        clean, overlay = (shown_times(found.path(one.name, film)) for film in ("clean", "overlay"))
        lines = found.lines(one.name)
        assert [line["pts"] for line in lines] == sorted(clean) == sorted(overlay)
        frames += [line["frame"] for line in lines]
        assert one.ended_ms - one.begun_ms == len(lines) * 1000 // FPS
    assert frames == list(range(110))
    first = found.lines(recordings[0].name)[0]["objects"][0]
    assert (first["id"], first["label"], first["state"]) == (1, "ann", "tracking")
    assert first["rle"]["size"] == [SIZE[1], SIZE[0]]


def test_units_behind_start_codes_are_put_behind_their_lengths(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.ts", 50)
    found = record_source(tmp_path / "kept", str(clip), RecordingConfig(mode="continuous"))
    (one,) = found.all()
    assert found.recorder.status().clean == "packets"
    assert len(shown_times(found.path(one.name, "clean"))) == 50
    assert [line["frame"] for line in found.lines(one.name)] == list(range(50))


@pytest.mark.parametrize(("codec", "suffix"), [("libx265", "ts"), ("libx265", "mp4"), ("libsvtav1", "mp4")])
def test_hevc_and_av1_fit_too(tmp_path: Path, codec: str, suffix: str) -> None:
    clip = write_clip(tmp_path / f"a.{suffix}", 30, codec=codec)
    found = record_source(tmp_path / "kept", str(clip), RecordingConfig(mode="continuous"))
    (one,) = found.all()
    assert found.recorder.status().clean == "packets"
    assert len(shown_times(found.path(one.name, "clean"))) == 30
    assert len(found.lines(one.name)) == 30


def check_encoded(found: Recorded, name: str) -> None:
    """A source that is read faster than it is encoded may miss pictures, never the place of one."""
    shown = shown_times(found.path(name, "clean"))
    lines = [line["pts"] for line in found.lines(name)]
    assert lines
    assert lines == [time for time in shown if lines[0] <= time <= lines[-1]]
    frames = [line["frame"] for line in found.lines(name)]
    assert lines == [lines[0] + (frame - frames[0]) * TICKS_A_FRAME for frame in frames]


def test_what_does_not_fit_is_encoded_and_told(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", 20, codec="mjpeg")
    found = record_source(tmp_path / "kept", str(clip), RecordingConfig(mode="continuous"))
    (one,) = found.all()
    assert found.recorder.status().clean == "encoded: mjpeg does not fit into MP4"
    check_encoded(found, one.name)


def test_packets_without_times_are_encoded(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.h264", 90)
    found = record_source(tmp_path / "kept", str(clip), RecordingConfig(mode="continuous"), frames=60)
    assert found.recorder.status().clean == "encoded: its packets tell no times"
    (one,) = found.all()
    check_encoded(found, one.name)


def test_first_packets_without_times_are_passed_over(clip: Path, tmp_path: Path) -> None:
    config = RecordingConfig(mode="continuous", masks=False)
    with recording(tmp_path, config) as found, av.open(str(clip)) as container:
        stream = container.streams.video[0]
        recorder = found.recorder
        recorder.opened()
        parameters = bytes(stream.codec_context.extradata or b"")
        assert stream.time_base is not None
        recorder.coded(CodedStream("h264", stream.time_base, parameters, stream))
        for number, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
            if number < 3:
                packet.pts = packet.dts = None
            recorder.packet(packet, is_keyframe=packet.is_keyframe)
    (one,) = found.all()
    assert found.recorder.status().clean == "packets"
    assert len(shown_times(found.path(one.name, "clean"))) == 110 - 25


def test_cropped_pictures_are_encoded_since_packets_show_more(clip: Path, tmp_path: Path) -> None:
    found = record_source(tmp_path, str(clip), RecordingConfig(mode="continuous"), frames=10, is_cropped=True)
    assert found.recorder.status().clean == "encoded: source.crop is set"


def test_size_that_changes_begins_another_film(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "two.ts", 60, sizes=(SIZE, (128, 80)))
    found = record_source(tmp_path / "kept", str(clip), RecordingConfig(mode="continuous"))
    sizes = []
    for one in found.all():
        with av.open(str(found.path(one.name, "clean"))) as container:
            stream = container.streams.video[0]
            sizes.append(((stream.width, stream.height), len(list(container.decode(stream)))))
    assert sizes == [(SIZE, 30), ((128, 80), 30)]


def test_event_keeps_what_was_before_it_and_events_nearby_share_a_film(clip: Path, tmp_path: Path) -> None:
    def events(index: int) -> list[Event]:
        return [Event(EventKind.ADDED, index, 1)] if index in (60, 70) else []

    config = RecordingConfig(mode="events", pre_roll_s=1, post_roll_s=1, overlay=True)
    found = record_source(tmp_path, str(clip), config, events=events)
    (one,) = found.all()
    frames = [line["frame"] for line in found.lines(one.name)]
    # From the keyframe a second or more before the first event, to the keyframe after the last one's end.
    assert frames == list(range(25, 100))
    assert shown_times(found.path(one.name, "overlay")) == [line["pts"] for line in found.lines(one.name)]


def test_nothing_that_happens_leaves_no_file(clip: Path, tmp_path: Path) -> None:
    def events(index: int) -> list[Event]:
        return [Event(EventKind.OCCLUDED, index, 1)]

    found = record_source(tmp_path, str(clip), RecordingConfig(mode="events"), events=events, frames=60)
    assert found.all() == []
    assert list(found.shelf.folder.rglob("*.*")) == []
