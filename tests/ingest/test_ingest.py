"""The ingest thread over recordings and scenes: pace, end, loop, stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Frame
from streamtrack.ingest import Ingest, SourceState
from streamtrack.mailbox import Mailbox, MailboxClosed
from streamtrack.telemetry import Telemetry
from tests.ingest.conftest import CLIP_FRAMES
from tests.support.ingest import running, wait_until

SCENE = "synthetic:leave?width=192&height=108"


def test_every_frame_loses_nothing_however_slow_the_consumer(clip: Path) -> None:
    with running(SourceConfig(url=str(clip))) as source:
        frames = []
        for _ in range(5):
            frames.append(source.next_frame())
            time.sleep(0.05)  # the decoder could have been through by now
        frames += source.frames_to_the_end()

    assert [f.seq for f in frames] == list(range(CLIP_FRAMES))
    assert source.dropped("superseded") == 0
    assert source.counter("streamtrack_frames_in_total") == CLIP_FRAMES


def test_newest_counts_what_it_pushed_out(clip: Path) -> None:
    with running(SourceConfig(url=str(clip), pace="newest")) as source:
        wait_until(lambda: source.ingest.state is SourceState.ENDED, "the recording ends by itself")
        frames = source.frames_to_the_end()

    assert [f.seq for f in frames] == [CLIP_FRAMES - 1]
    assert source.dropped("superseded") == CLIP_FRAMES - 1


def test_newest_plays_a_recording_at_its_own_clock(clip: Path) -> None:
    with running(SourceConfig(url=str(clip), pace="newest"), capacity=CLIP_FRAMES) as source:
        frames = source.frames_to_the_end()

    played_s = (frames[-1].capture_monotonic_ns - frames[0].capture_monotonic_ns) / 1e9
    # 29 intervals of 1/30 s; a busy machine may play late, never early.
    assert 0.95 <= played_s < 3


def test_end_of_a_recording_is_no_failure(clip: Path) -> None:
    with running(SourceConfig(url=str(clip))) as source:
        source.frames_to_the_end()
        wait_until(lambda: source.ingest.state is SourceState.ENDED, "ended")

        assert source.ingest.last_error is None
        assert source.counter("streamtrack_source_online") == 0


def test_loop_starts_again_with_a_gap_and_seq_goes_on(clip: Path) -> None:
    with running(SourceConfig(url=str(clip), loop=True)) as source:
        frames = [source.next_frame() for _ in range(2 * CLIP_FRAMES + 5)]

    assert [f.seq for f in frames] == list(range(2 * CLIP_FRAMES + 5))
    assert [f.seq for f in frames if f.gap_before] == [CLIP_FRAMES, 2 * CLIP_FRAMES]
    assert frames[CLIP_FRAMES].pts == frames[0].pts


def test_mark_of_a_gap_outlives_the_frame_that_was_pushed_out(clip: Path) -> None:
    with running(SourceConfig(url=str(clip), loop=True, pace="newest")) as source:
        source.next_frame()
        wait_until(lambda: source.ingest.frames_delivered > CLIP_FRAMES + 5, "the second round")

        assert source.next_frame().gap_before
        wait_until(lambda: source.ingest.frames_delivered > CLIP_FRAMES + 8, "more frames")
        source.next_frame()  # may have been marked before the marked one was taken
        assert not source.next_frame().gap_before


def test_scene_runs_at_its_pace_with_its_masks() -> None:
    with running(SourceConfig(url=SCENE, fps=50)) as source:
        frames = [source.next_frame() for _ in range(10)]

        assert source.ingest.state is SourceState.ONLINE
        assert source.ingest.scene is not None
        assert source.counter("streamtrack_source_online") == 1
    assert all(f.ground_truth is not None and set(f.ground_truth) == {1, 2} for f in frames)
    elapsed_s = (frames[-1].capture_monotonic_ns - frames[0].capture_monotonic_ns) / 1e9
    assert elapsed_s > 0.9 * 9 / 50


def test_stop_ends_a_source_that_waits_for_room(clip: Path) -> None:
    with running(SourceConfig(url=str(clip))) as source:
        source.next_frame()
        started = time.monotonic()
        source.ingest.stop()

        assert time.monotonic() - started < 1
        assert source.ingest.state is SourceState.STOPPED
        source.ingest.stop()
        assert "ingest-cam" not in {t.name for t in threading.enumerate()}


def test_stop_closes_the_mailbox() -> None:
    with running(SourceConfig(url=SCENE)) as source:
        source.next_frame()
        source.ingest.stop()

        if source.mailbox.statistics().held:
            source.mailbox.get(0.1)
        with pytest.raises(MailboxClosed):
            source.mailbox.get(0.1)


def test_stop_before_start_is_fine(clip: Path) -> None:
    mailbox: Mailbox[Frame] = Mailbox()
    ingest = Ingest(SourceConfig(url=str(clip)), mailbox, Telemetry().stream("cam"))

    ingest.stop()

    assert ingest.state is SourceState.STOPPED


def test_what_can_never_work_fails_before_any_thread_starts(tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_bytes(b"Dear camera,\n" * 100)

    with pytest.raises(SourceError, match="not a video"):
        Ingest(SourceConfig(url=str(path)), Mailbox(), Telemetry().stream("cam"))


def test_recording_that_goes_away_fails_with_a_reason(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "gone.mp4"
    path.write_bytes(clip.read_bytes())
    mailbox: Mailbox[Frame] = Mailbox()
    ingest = Ingest(SourceConfig(url=str(path)), mailbox, Telemetry().stream("cam"))
    path.unlink()

    ingest.start()
    wait_until(lambda: ingest.state is SourceState.FAILED, "failed")
    ingest.stop()

    assert ingest.state is SourceState.FAILED
    assert ingest.last_error == f"source {path}: No such file or directory"
    with pytest.raises(MailboxClosed):
        mailbox.get(1)


def test_recording_that_has_ended_plays_again_with_a_gap(clip: Path) -> None:
    with running(SourceConfig(url=str(clip))) as source:
        first = source.frames_to_the_end()
        wait_until(lambda: source.ingest.state is SourceState.ENDED, "ended")
        source.ingest.replay()
        again = source.frames_to_the_end()

        assert [f.seq for f in first + again] == list(range(2 * CLIP_FRAMES))
        assert [f.pts for f in again] == [f.pts for f in first]
        assert [f.seq for f in again if f.gap_before] == [CLIP_FRAMES]


def test_only_a_recording_that_has_ended_plays_again(clip: Path) -> None:
    with running(SourceConfig(url=str(clip))) as source:
        source.next_frame()
        with pytest.raises(SourceError, match="is online, expected a recording that has ended"):
            source.ingest.replay()
        source.ingest.stop()
        with pytest.raises(SourceError, match="is stopped"):
            source.ingest.replay()
