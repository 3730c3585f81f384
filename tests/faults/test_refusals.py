"""Row 15: cameras that refuse: password, session limit; and fifty that come back together."""

from __future__ import annotations

import contextlib
import time

import pytest

from streamtrack.config import ReconnectConfig, SourceConfig
from streamtrack.frame import EventKind
from streamtrack.ingest import SourceState
from streamtrack.telemetry import Telemetry
from tests.faults.injectors.films import Film, make_film
from tests.faults.injectors.rtsp_camera import rtsp_camera
from tests.faults.table import RECOVER_S, FaultRow, record_fault
from tests.faults.watched import QUICK, TIMEOUT_MS, WatchedStream, neighbour
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

TIMEOUT_S = TIMEOUT_MS / 1000
PATIENT = ReconnectConfig(first_delay_ms=50, max_delay_ms=200, refused_delay_ms=60_000)
HERD = 50
MAX_SHARE_AT_ONCE = 0.3
"""Of a herd, those that may ask within one tenth of a second."""


def test_password_that_is_refused_is_told_and_tried_seldom() -> None:
    with neighbour() as beside, rtsp_camera(make_film()) as camera:
        camera.password = "right"
        config = SourceConfig(url=camera.url("hunter2"), **QUICK | {"reconnect": PATIENT})
        began_s = time.monotonic()
        with WatchedStream(config) as stream:
            detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
            [(_, event)] = stream.told(EventKind.SOURCE_LOST)
            tried_late = (stream.source.next_try_in_s or 0) > 20
            is_told = "401" in str(event.detail["reason"]) and "hunter2" not in str(event.detail["reason"])
            wait_until(lambda: stream.state is SourceState.OFFLINE, "it waits")
            tries = camera.num_asked
            ended_s, camera.password = time.monotonic(), "hunter2"
            stream.source.retry_now()
            recover_s = stream.wait_frame(ended_s)
            held = is_told and tried_late and tries <= 2 and beside.is_undisturbed
            lost = f"nothing; {tries} requests, then none for `refused_delay_ms`; {beside}"
    fault = "401 from the start; the password is made right and `retry` asked for"
    promise = "told without the password; seldom tried, so that no account is locked"
    record_fault(FaultRow(15, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


@pytest.mark.slow
def test_password_that_is_changed_under_way_is_told() -> None:
    soon = ReconnectConfig(first_delay_ms=50, max_delay_ms=200, refused_delay_ms=1000)
    with neighbour() as beside, rtsp_camera(make_film()) as camera:
        camera.password = "old"
        config = SourceConfig(url=camera.url("old"), **QUICK | {"reconnect": soon})
        with WatchedStream(config) as stream:
            stream.wait_frame(0.0)
            beside.begin()
            began_s, camera.password = time.monotonic(), "new"
            camera.drop_viewers()
            wait_until(lambda: "401" in (stream.source.last_error or ""), "the refusal is told")
            detect_s = time.monotonic() - began_s
            ended_s, camera.password = time.monotonic(), "old"
            recover_s = stream.wait_frame(ended_s, wanted=lambda frame: frame.gap_before)
            held, lost = beside.is_undisturbed, f"the pictures of the time itself; {beside}"
    fault = "password changed under way, and changed back; `refused_delay_ms` 1 s"
    promise = "told with 401, back by itself"
    record_fault(FaultRow(15, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


def test_session_limit_is_told_and_waited_for() -> None:
    with neighbour() as beside, rtsp_camera(make_film()) as camera:
        camera.max_sessions = 0
        began_s = time.monotonic()
        with WatchedStream(SourceConfig(url=camera.url(), **QUICK)) as stream:
            detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
            [(_, event)] = stream.told(EventKind.SOURCE_LOST)
            is_told = "no room for another viewer" in str(event.detail["reason"])
            ended_s, camera.max_sessions = time.monotonic(), None
            recover_s = stream.wait_frame(ended_s)
            held, lost = is_told and beside.is_undisturbed, f"nothing; {beside}"
    fault = "453 at SETUP: the camera has no session left"
    record_fault(
        FaultRow(15, fault, "told in words, tried again", detect_s, recover_s, lost, held, TIMEOUT_S)
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_cameras_that_go_together_come_back_one_by_one_and_soon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", logger="streamtrack.ingest")
    film: Film = make_film(num_frames=20, gop=5)
    telemetry = Telemetry()
    with neighbour() as beside, rtsp_camera(film, 5) as camera, contextlib.ExitStack() as herd:
        config = SourceConfig(url=camera.url(), read_timeout_ms=2000)  # the default waits
        streams = [
            herd.enter_context(WatchedStream(config, telemetry, f"cam{number}")) for number in range(HERD)
        ]
        wait_until(lambda: all(stream.seen for stream in streams), "all of them play", 120)
        beside.begin()
        began_s = time.monotonic()
        camera.stop()
        wait_until(lambda: all(s.state is SourceState.OFFLINE for s in streams), "all of them are lost")
        detect_s = max(stream.wait_told(EventKind.SOURCE_LOST, began_s) for stream in streams)
        # Five tries each: the waits between two of them are the longest by then.
        wait_until(lambda: caplog.text.count("next try in") >= 6 * HERD, "all wait long", 120)
        camera.asked_s.clear()
        ended_s = time.monotonic()
        camera.start()
        recover_s = max(stream.wait_frame(ended_s) for stream in streams)
        at_once = max(sum(0 <= b - a < 0.1 for b in camera.asked_s) for a in camera.asked_s)
        is_spread = at_once <= MAX_SHARE_AT_ONCE * 2 * HERD  # each asks twice: we, then FFmpeg
        held = is_spread and recover_s < RECOVER_S and beside.is_undisturbed
        lost = f"the time itself; {at_once} of {len(camera.asked_s)} requests within 0.1 s; {beside}"
    fault = f"{HERD} streams of a camera that is off for long, and comes back"
    record_fault(FaultRow(15, fault, "all back, not all at once", detect_s, recover_s, lost, held, 2.0))
