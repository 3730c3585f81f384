"""Rows 3 and 4: streams that are stopped while they read, and a camera that is off for long."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from streamtrack.config import ReconnectConfig, SourceConfig
from streamtrack.frame import EventKind, Frame
from streamtrack.ingest import Ingest, SourceState
from streamtrack.ingest.backoff import backoff_delay_ms
from streamtrack.mailbox import Mailbox
from streamtrack.telemetry import Telemetry
from tests.faults.injectors.films import make_film
from tests.faults.injectors.proxy import Network, proxy
from tests.faults.injectors.rtsp_camera import RtspCamera, rtsp_camera
from tests.faults.table import FaultRow, record_fault
from tests.faults.watched import WatchedStream, neighbour
from tests.support.ingest import running, tcp_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

NUM_STOPS = 200
LIMIT_MS = 4000
MAX_STOP_S = 2.0
"""Of a busy machine; a stop that waits for the camera would take twice as long, the time of its limit."""
QUIET_S = 0.5
"""Several pictures' time: nothing that was sent before is still on its way."""
NUM_FAILED_TRIES = 100


def count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def ingest_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("ingest-cam")}


@pytest.mark.slow
def test_two_hundred_stops_in_a_blocked_read_leave_nothing_behind() -> None:
    accepted = threading.Semaphore(0)

    def mute(_: socket.socket, over: threading.Event) -> None:
        accepted.release()
        over.wait(2 * LIMIT_MS / 1000)

    with neighbour() as beside, tcp_server(mute) as port:
        config = SourceConfig(
            url=f"rtsp://127.0.0.1:{port}/live", open_timeout_ms=LIMIT_MS, read_timeout_ms=LIMIT_MS
        )
        threads, descriptors = threading.active_count(), count_descriptors()
        telemetry, worst_s = Telemetry(), 0.0
        for _ in range(NUM_STOPS):
            ingest = Ingest(config, Mailbox[Frame](1), telemetry.stream("cam"))
            ingest.start()
            assert accepted.acquire(timeout=20)  # now it waits for an answer
            began_s = time.monotonic()
            ingest.stop(timeout_s=0)
            worst_s = max(worst_s, time.monotonic() - began_s)
        wait_until(lambda: not ingest_threads(), "every thread that was left behind ends")
        wait_until(lambda: count_descriptors() <= descriptors + 2, "descriptors are closed")
        wait_until(lambda: threading.active_count() <= threads + 2, "threads are gone")
        held = worst_s < MAX_STOP_S and beside.is_undisturbed
        lost = f"nothing; slowest stop {1000 * worst_s:.0f} ms, threads and descriptors as before; {beside}"
    fault = f"{NUM_STOPS} stops and restarts while the camera is mute"
    record_fault(FaultRow(3, fault, "a stop never waits for the camera", None, None, lost, held))


@pytest.mark.slow
def test_stops_in_the_midst_of_a_stream_leave_nothing_behind() -> None:
    with neighbour() as beside, rtsp_camera(make_film()) as camera, proxy(camera.port) as between:
        config = SourceConfig(url=f"rtsp://127.0.0.1:{between.port}/live", read_timeout_ms=LIMIT_MS)
        threads, descriptors = threading.active_count(), count_descriptors()
        worst_s = 0.0
        for _ in range(3):
            between.network = Network.PASS
            with running(config) as source:
                source.next_frame()
                between.network = Network.SILENT
                while source.mailbox.get(QUIET_S) is not None:
                    pass  # what was under way; once no more comes it sits in FFmpeg's read
                began_s = time.monotonic()
                source.ingest.stop(timeout_s=0)
                worst_s = max(worst_s, time.monotonic() - began_s)
                assert source.ingest.state is SourceState.STOPPED
        between.network = Network.PASS
        wait_until(lambda: not ingest_threads(), "every thread that was left behind ends")
        wait_until(lambda: count_descriptors() <= descriptors + 2, "descriptors are closed")
        wait_until(lambda: threading.active_count() <= threads + 2, "threads are gone")
        held = worst_s < MAX_STOP_S and beside.is_undisturbed
        lost = f"nothing; slowest stop {1000 * worst_s:.0f} ms; {beside}"
    promise = "a stop never waits for the camera"
    record_fault(FaultRow(3, "stops while a stream that played is silent", promise, None, None, lost, held))


def test_camera_that_was_off_for_long_is_there_once_it_is_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="streamtrack.ingest")
    quick = ReconnectConfig(first_delay_ms=10, max_delay_ms=20)
    camera = RtspCamera(make_film())
    camera.start()
    camera.stop()  # its port is its own from now on
    with neighbour() as beside:
        config = SourceConfig(url=camera.url(), reconnect=quick, open_timeout_ms=1000)
        began_s = time.monotonic()
        with WatchedStream(config) as stream:
            detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
            memory_mb = resident_mb()
            wait_until(lambda: caplog.text.count("next try in") >= NUM_FAILED_TRIES, "many failed tries")
            grown_mb = resident_mb() - memory_mb
            told = len(stream.told(EventKind.SOURCE_LOST))
            warned = sum(record.levelname == "WARNING" for record in caplog.records)
            ended_s = time.monotonic()
            camera.start()
            recover_s = stream.wait_frame(ended_s)
            held = told == warned == 1 and grown_mb < 30 and beside.is_undisturbed
            lost = f"nothing; one event and one line of log, {grown_mb:.0f} MB; {beside}"
    camera.stop()
    fault = f"RTSP camera off at the start, {NUM_FAILED_TRIES} tries in vain"
    record_fault(FaultRow(4, fault, "tried for ever, told once", detect_s, recover_s, lost, held, 1.0))


def test_default_waits_bring_a_camera_back_within_five_seconds() -> None:
    config = SourceConfig(url="rtsp://127.0.0.1:9/live").reconnect
    longest_ms = max(
        backoff_delay_ms(config, failures, share) for failures in range(1, 1000) for share in (0.0, 0.999)
    )
    connect_s = 2.0  # of a camera near by: it is asked, opened, and its next keyframe comes
    recover_s = longest_ms / 1000 + connect_s
    fault, promise = "camera off for hours, default waits", "the longest wait leaves time to connect in 5 s"
    record_fault(FaultRow(4, fault, promise, None, recover_s, "nothing", held=True))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
