"""Rows 5 and 16: a consumer that is slower than its source for minutes, and a burst after a stall."""

from __future__ import annotations

import http.server
import threading
import time

import pytest

from streamtrack.clock import NS_PER_S
from streamtrack.config import SourceConfig
from streamtrack.frame import EventKind, Frame
from tests.faults.injectors.films import make_film
from tests.faults.injectors.proxy import Network, proxy
from tests.faults.injectors.rtsp_camera import rtsp_camera
from tests.faults.table import FaultRow, record_fault
from tests.faults.test_stops import resident_mb
from tests.faults.watched import QUICK, WatchedStream, neighbour
from tests.support.ingest import http_server
from tests.support.scripted_servers import jpeg
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

NUM_FRAMES = 7200
"""Two minutes of 60 a second."""
STEP_S = 0.05
"""What the consumer takes for each."""
MAX_GROWN_MB = 20.0
STALL_S = 0.3


class FastCamera(http.server.BaseHTTPRequestHandler):
    """As many pictures as go through."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        picture = jpeg(90)
        part = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
        try:
            while True:
                self.wfile.write((part + picture + b"\r\n") * 20)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_consumer_that_is_slower_for_minutes_gets_the_newest_and_the_rest_is_counted() -> None:
    ages_s: list[float] = []

    def take_long(frame: Frame) -> None:
        ages_s.append((time.monotonic_ns() - frame.capture_monotonic_ns) / NS_PER_S)
        threading.Event().wait(STEP_S)  # the step of a slow tracker

    with (
        neighbour() as beside,
        http_server(FastCamera) as port,
        WatchedStream(
            SourceConfig(url=f"http://127.0.0.1:{port}/video", frozen_after_ms=0), keep=take_long
        ) as stream,
    ):
        wait_until(lambda: stream.frames_in > 500, "it is under way")
        memory_mb = resident_mb()
        beside.begin()
        wait_until(lambda: stream.frames_in > NUM_FRAMES, "minutes of frames", 60)
        grown_mb = resident_mb() - memory_mb
        stream.source.stop(1.0)
        wait_until(lambda: stream.source.frames.statistics().held == 0, "the last one is taken")
        num_in, num_superseded = stream.frames_in, stream.dropped("superseded")
        wait_until(lambda: len(stream.seen) + num_superseded >= num_in - 1, "the last one is done")
        # The one that lay there when the source stopped may have been thrown away with the mailbox.
        is_counted = num_in - 1 <= len(stream.seen) + num_superseded <= num_in
        median_age_s = sorted(ages_s)[len(ages_s) // 2]
        held = is_counted and median_age_s < STEP_S and grown_mb < MAX_GROWN_MB and beside.is_undisturbed
        taken = len(stream.seen)
        lost = (
            f"{num_superseded:.0f} of {num_in:.0f} pictures, each counted as `superseded`; "
            f"those taken ({taken}) were {1000 * median_age_s:.1f} ms old, {grown_mb:+.0f} MB; {beside}"
        )
    fault = "consumer many times slower than its source"
    record_fault(FaultRow(5, fault, "the newest frame wins, memory flat", None, None, lost, held))


def test_burst_after_a_stall_loses_no_picture_untold_and_shows_the_newest() -> None:
    film = make_film()
    with (
        neighbour() as beside,
        rtsp_camera(film, 50) as camera,
        WatchedStream(SourceConfig(url=camera.url(), read_timeout_ms=2000)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        camera.hold = True
        sent, before = camera.num_sent, stream.frames_in
        wait_until(lambda: camera.num_sent >= sent + 50 * STALL_S, "pictures are held back")
        ended_s, camera.hold = time.monotonic(), False
        recover_s = stream.wait_frame(ended_s)
        wait_until(lambda: stream.frames_in - before >= camera.num_sent - sent - 2, "all of them came")
        wait_until(lambda: stream.source.frames.statistics().held == 0, "the newest is taken")
        is_quiet = not stream.events and not stream.num_damaged
        held = is_quiet and stream.is_in_order and beside.is_undisturbed
        lost = f"nothing untold: {stream.dropped('superseded'):.0f} `superseded` in all; {beside}"
    fault = f"camera holds pictures back for {STALL_S:g} s, then sends them at once"
    record_fault(FaultRow(16, fault, "the newest frame wins", None, recover_s, lost, held))


@pytest.mark.slow
def test_burst_after_a_stall_of_the_network_is_a_gap() -> None:
    with (
        neighbour() as beside,
        rtsp_camera(make_film(), 25) as camera,
        proxy(camera.port) as between,
        WatchedStream(SourceConfig(url=f"rtsp://127.0.0.1:{between.port}/live", **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        began_s, between.network = time.monotonic(), Network.SILENT
        detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
        ended_s, between.network = time.monotonic(), Network.PASS
        recover_s = stream.wait_frame(ended_s, wanted=lambda frame: frame.gap_before)
        held = stream.is_in_order and beside.is_undisturbed
        lost = f"the pictures of the time itself; {beside}"
    fault = "network holds everything back for longer than `read_timeout_ms`"
    promise = "`source_lost`, a new connection, no old picture"
    record_fault(FaultRow(16, fault, promise, detect_s, recover_s, lost, held, 0.5))
