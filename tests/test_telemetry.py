"""Counters and the one-second report, under a clock that the test moves."""

from __future__ import annotations

import pytest

from streamtrack.clock import NS_PER_MS, FakeClock
from streamtrack.telemetry import StreamTelemetry, Telemetry, percentile


def test_report_holds_what_happened_since_the_last_one() -> None:
    clock = FakeClock()
    stream = Telemetry(clock).stream("cam")
    for duration_ms in (10, 20, 30, 40):
        stream.frame_in()
        stream.frame_tracked()
        stream.observe("step", duration_ms * NS_PER_MS)
    stream.dropped("superseded", 3)
    clock.advance_ms(2_000)
    report = stream.report()
    assert (report.frames_in, report.frames_tracked, report.seconds) == (4, 4, 2.0)
    assert report.fps == 2.0
    assert report.dropped == {"superseded": 3}
    assert report.latency_ms == {"step": (30.0, 40.0)}
    clock.advance_ms(1_000)
    empty = stream.report()
    assert (empty.frames_in, empty.dropped, empty.latency_ms, empty.seconds) == (0, {}, {}, 1.0)


def test_report_of_no_time_has_no_frame_rate() -> None:
    assert Telemetry(FakeClock()).stream("cam").report().fps == 0.0


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [([], 0.5, 0.0), ([7.0], 0.95, 7.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([1.0, 2.0], 1.0, 2.0)],
)
def test_percentile_is_the_nearest_rank(samples: list[float], share: float, expected: float) -> None:
    assert percentile(samples, share) == expected


def test_one_stream_has_one_writer_so_that_its_report_shows_every_stage() -> None:
    telemetry = Telemetry(FakeClock())
    telemetry.stream("cam").dropped("slow_subscriber")
    assert telemetry.stream("cam").report().dropped == {"slow_subscriber": 1}
    assert telemetry.stream("other").report().dropped == {}


def test_metrics_count_by_stream_and_reason_and_survive_reports() -> None:
    telemetry = Telemetry(FakeClock())
    stream = telemetry.stream("cam")
    stream.frame_in()
    stream.dropped("superseded", 2)
    stream.report()
    stream.dropped("superseded")
    stream.set_viewers("webrtc", 3)
    stream.set_objects(2)
    stream.set_tracker_bytes(1024)
    stream.set_online(True)
    stream.reconnected()
    stream.fell_back("cpu")
    stream.observe("capture_to_publish", 20 * NS_PER_MS)
    text = telemetry.expose().decode()
    for line in (
        'streamtrack_frames_in_total{stream="cam"} 1.0',
        'streamtrack_frames_dropped_total{reason="superseded",stream="cam"} 3.0',
        'streamtrack_viewers{kind="webrtc",stream="cam"} 3.0',
        'streamtrack_objects{stream="cam"} 2.0',
        'streamtrack_tracker_bytes{stream="cam"} 1024.0',
        'streamtrack_source_online{stream="cam"} 1.0',
        'streamtrack_reconnects_total{stream="cam"} 1.0',
        'streamtrack_fallbacks_total{stream="cam",what="cpu"} 1.0',
        'streamtrack_stage_seconds_bucket{le="0.02",stage="capture_to_publish",stream="cam"} 1.0',
    ):
        assert line in text


def test_two_servers_in_one_process_do_not_share_counters() -> None:
    first, second = Telemetry(), Telemetry()
    first.stream("cam").frame_in()
    assert 'frames_in_total{stream="cam"}' not in second.expose().decode()


def frame_rate(stream: StreamTelemetry, clock: FakeClock, period_ms: float, frames: int) -> float:
    for _ in range(frames):
        clock.advance_ms(period_ms)
        stream.frame_tracked()
    return stream.fps()


@pytest.mark.parametrize("period_ms", [20, 100, 400, 2_500, 10_000])
def test_rate_is_that_of_the_last_seconds_however_slow_the_stream(period_ms: float) -> None:
    clock = FakeClock()
    stream = Telemetry(clock).stream("cam")
    frame_rate(stream, clock, 50, 5)
    assert frame_rate(stream, clock, period_ms, 100) == pytest.approx(1000 / period_ms)


def test_rate_is_right_from_the_second_frame_after_a_return() -> None:
    clock = FakeClock()
    stream = Telemetry(clock).stream("cam")
    assert frame_rate(stream, clock, 100, 50) == pytest.approx(10)
    clock.advance_ms(5_000)
    assert stream.fps() < 4, "it falls while nothing comes"
    stream.restart_rate()
    assert stream.fps() == 0
    stream.frame_tracked()
    assert frame_rate(stream, clock, 100, 1) == pytest.approx(10)


def test_process_tells_its_memory_threads_and_descriptors() -> None:
    text = Telemetry().expose().decode()
    found = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line[0] != "#"}
    assert found["process_resident_memory_bytes"] > 1_000_000, "no Python is below a megabyte"
    assert found["process_open_fds"] > 2
    assert found["process_threads"] >= 1


def test_failures_and_restarts_of_a_stream_are_counted() -> None:
    telemetry = Telemetry(FakeClock())
    stream = telemetry.stream("cam")
    stream.set_up()
    stream.failed("stalled")
    down = telemetry.expose().decode()
    stream.restarted()
    up = telemetry.expose().decode()
    assert 'streamtrack_stream_failures_total{stream="cam",what="stalled"} 1.0' in down
    assert 'streamtrack_stream_up{stream="cam"} 0.0' in down
    assert 'streamtrack_stream_up{stream="cam"} 1.0' in up
    assert 'streamtrack_stream_restarts_total{stream="cam"} 1.0' in up
