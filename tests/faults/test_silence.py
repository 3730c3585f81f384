"""Rows 1 and 2: a camera that is connected and sends nothing, a byte a second, or half a picture."""

from __future__ import annotations

import time

import pytest

from streamtrack.config import SourceConfig
from streamtrack.frame import EventKind
from streamtrack.ingest import SourceState
from tests.faults.injectors.proxy import Network, proxy
from tests.faults.table import FaultRow, record_fault
from tests.faults.watched import QUICK, TIMEOUT_MS, WatchedStream, neighbour
from tests.support.camera import Camera

pytestmark = pytest.mark.faults

TIMEOUT_S = TIMEOUT_MS / 1000


@pytest.mark.parametrize(
    ("number", "network", "words"),
    [
        (1, Network.SILENT, "goes silent, stays connected"),
        (2, Network.DRIP, "drips one byte a second"),
        (2, Network.CUT, "cut within a picture"),
        (2, Network.RESET, "reset within a picture"),
    ],
)
def test_mjpeg_camera_that_stops_is_told_and_comes_back(number: int, network: Network, words: str) -> None:
    camera = Camera(fps=15)
    with (
        neighbour() as beside,
        proxy(camera.port) as between,
        WatchedStream(SourceConfig(url=f"http://127.0.0.1:{between.port}/video", **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        between.cut_after = 2000
        began_s, between.network = time.monotonic(), network
        detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
        is_told = stream.state is SourceState.OFFLINE and bool(stream.source.last_error)
        ended_s, between.network = time.monotonic(), Network.PASS
        recover_s = stream.wait_frame(ended_s)
        gap_told = any(seen.frame.gap_before for seen in stream.seen if seen.at_s >= ended_s)
        held = is_told and gap_told and beside.is_undisturbed
        lost = f"the pictures of the time itself, told as a gap; {beside}"
    camera.unplug()
    promise = "`source_lost`, tried again by itself, `gap` at the return"
    record_fault(
        FaultRow(number, f"MJPEG camera {words}", promise, detect_s, recover_s, lost, held, TIMEOUT_S)
    )
