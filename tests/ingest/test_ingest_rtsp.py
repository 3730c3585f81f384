"""The ingest thread over a real RTSP server."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamtrack.config import SourceConfig
from streamtrack.ingest import SourceState
from tests.support.ingest import QUICK_RECONNECT, running, wait_until
from tests.support.rtsp import RtspServer

pytestmark = pytest.mark.rtsp

QUICK = {"open_timeout_ms": 3000, "read_timeout_ms": 2000, "reconnect": QUICK_RECONNECT}


def test_camera_that_dies_and_comes_back_goes_on_with_a_gap(clip: Path) -> None:
    with RtspServer([clip]) as server, running(SourceConfig(url=server.url, **QUICK)) as source:
        before = [source.next_frame() for _ in range(5)]
        assert source.ingest.state is SourceState.ONLINE

        server.kill()
        wait_until(lambda: source.ingest.state is SourceState.OFFLINE, "the loss is noticed")
        assert source.counter("streamtrack_source_online") == 0
        while source.mailbox.statistics().held:
            before.append(source.next_frame())
        server.start()
        after = [source.next_frame() for _ in range(5)]

        assert not any(f.gap_before for f in before)
        assert after[0].gap_before
        assert not after[4].gap_before
        assert after[0].seq > before[-1].seq
        assert after[0].image.shape == (108, 192, 3)
        assert source.ingest.last_error is None
        assert source.counter("streamtrack_reconnects_total") == 1
        assert source.counter("streamtrack_source_online") == 1


def test_camera_that_is_off_at_the_start_is_waited_for(clip: Path) -> None:
    server = RtspServer([clip])
    with running(SourceConfig(url=server.url, **QUICK)) as source:
        wait_until(lambda: source.ingest.state is SourceState.OFFLINE, "a first failed try")
        with server:
            first = source.next_frame()

            # The newest wins: on a busy machine it need not be the very first.
            assert not first.gap_before
            assert source.counter("streamtrack_reconnects_total") == 0


def test_wrong_password_is_told_without_the_password(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with RtspServer([clip], user="admin", password="opensesame") as server:
        wrong = server.url.replace("rtsp://", "rtsp://admin:hunter2@")
        with running(SourceConfig(url=wrong, **QUICK)) as source:
            wait_until(lambda: source.ingest.last_error is not None, "an error")

            assert source.ingest.last_error is not None
            assert "401 Unauthorized" in source.ingest.last_error
            assert "hunter2" not in source.ingest.last_error + caplog.text
        right = server.url.replace("rtsp://", "rtsp://admin:opensesame@")
        with running(SourceConfig(url=right, **QUICK)) as source:
            source.next_frame()
    assert "opensesame" not in caplog.text


def test_who_joins_in_the_middle_starts_at_a_keyframe(clip: Path) -> None:
    with RtspServer([clip]) as server, running(SourceConfig(url=server.url, **QUICK)) as first:
        for _ in range(5):
            first.next_frame()
        with running(SourceConfig(url=server.url, **QUICK)) as second:
            frames = [second.next_frame() for _ in range(5)]

    # A picture decoded without its reference is grey; the lawn is not.
    assert all(f.image[..., 1].mean() - f.image[..., 2].mean() > 20 for f in frames)


def test_camera_that_changes_its_size_is_followed(clip: Path, large_clip: Path) -> None:
    with (
        RtspServer([clip, large_clip], fps=60) as server,
        running(SourceConfig(url=server.url, **QUICK)) as source,
    ):
        first = source.next_frame().width_px
        other = {192: 256, 256: 192}[first]
        wait_until(lambda: source.next_frame().width_px == other, "the other size")
        wait_until(lambda: source.next_frame().width_px == first, "the first size again")

        assert source.ingest.state is SourceState.ONLINE
