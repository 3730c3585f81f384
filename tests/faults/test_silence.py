"""Rows 1 and 2: a camera that is connected and sends nothing, a byte a second, or half a picture."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from streamtrack.config import SourceConfig
from streamtrack.frame import EventKind
from streamtrack.ingest import SourceState
from tests.faults.injectors.films import make_film
from tests.faults.injectors.proxy import Network, Proxy, proxy
from tests.faults.injectors.rtsp_camera import rtsp_camera
from tests.faults.table import FaultRow, record_fault
from tests.faults.watched import QUICK, TIMEOUT_MS, WatchedStream, neighbour
from tests.support.camera import Camera

pytestmark = pytest.mark.faults
slow = pytest.mark.slow

TIMEOUT_S = TIMEOUT_MS / 1000
PROMISE = "`source_lost`, tried again by itself, `gap` at the return"


@contextlib.contextmanager
def mjpeg() -> Iterator[tuple[Proxy, str]]:
    """An MJPEG camera behind a network, and its address."""
    camera = Camera(fps=15)
    with proxy(camera.port) as between:
        yield between, f"http://127.0.0.1:{between.port}/video"
    camera.unplug()


@contextlib.contextmanager
def rtsp() -> Iterator[tuple[Proxy, str]]:
    """The same with RTSP."""
    with rtsp_camera(make_film()) as camera, proxy(camera.port) as between:
        yield between, f"rtsp://127.0.0.1:{between.port}/live"


@pytest.mark.parametrize(
    ("camera", "number", "network", "words"),
    [
        (mjpeg, 1, Network.SILENT, "goes silent, stays connected"),
        (rtsp, 1, Network.SILENT, "goes silent, stays connected"),
        (mjpeg, 2, Network.DRIP, "drips one byte a second"),
        pytest.param(rtsp, 2, Network.DRIP, "drips one byte a second", marks=slow),
        (mjpeg, 2, Network.CUT, "is cut within a picture"),
        pytest.param(rtsp, 2, Network.CUT, "is cut within a picture", marks=slow),
        pytest.param(mjpeg, 2, Network.RESET, "is reset within a picture", marks=slow),
        pytest.param(rtsp, 2, Network.RESET, "is reset within a picture", marks=slow),
    ],
    ids=lambda value: getattr(value, "__name__", getattr(value, "value", "")),
)
def test_camera_that_stops_is_told_and_comes_back(
    camera: Callable[[], contextlib.AbstractContextManager[tuple[Proxy, str]]],
    number: int,
    network: Network,
    words: str,
) -> None:
    with (
        neighbour() as beside,
        camera() as (between, url),
        WatchedStream(SourceConfig(url=url, **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        between.cut_after = 2000
        began_s, between.network = time.monotonic(), network
        detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
        is_told = stream.state is SourceState.OFFLINE and bool(stream.source.last_error)
        ended_s, between.network = time.monotonic(), Network.PASS
        recover_s = stream.wait_frame(ended_s, wanted=lambda frame: frame.gap_before)
        held = is_told and beside.is_undisturbed
        lost = f"the pictures of the time itself; {beside}"
    kind = camera.__name__.upper()
    record_fault(
        FaultRow(number, f"{kind} camera {words}", PROMISE, detect_s, recover_s, lost, held, TIMEOUT_S)
    )


@pytest.mark.parametrize(
    ("camera", "network"),
    [
        pytest.param(mjpeg, Network.MUTE_HOST, marks=slow),
        (rtsp, Network.MUTE_HOST),
        pytest.param(mjpeg, Network.DRIP, marks=slow),
        pytest.param(rtsp, Network.DRIP, marks=slow),
    ],
    ids=lambda value: getattr(value, "__name__", getattr(value, "value", "")),
)
def test_camera_that_never_answered_is_told_and_is_there_once_it_does(
    camera: Callable[[], contextlib.AbstractContextManager[tuple[Proxy, str]]], network: Network
) -> None:
    with neighbour() as beside, camera() as (between, url):
        between.network = network
        began_s = time.monotonic()
        with WatchedStream(SourceConfig(url=url, **QUICK)) as stream:
            detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
            is_told = stream.state is SourceState.OFFLINE and bool(stream.source.last_error)
            ended_s, between.network = time.monotonic(), Network.PASS
            recover_s = stream.wait_frame(ended_s)
            held = is_told and beside.is_undisturbed
            lost = f"nothing: it had not begun; {beside}"
    kind, number = camera.__name__.upper(), 1 if network is Network.MUTE_HOST else 2
    words = "takes connections and never answers" if number == 1 else "drips its first answer"
    record_fault(
        FaultRow(
            number,
            f"{kind} camera {words}",
            "`source_lost`, tried again",
            detect_s,
            recover_s,
            lost,
            held,
            TIMEOUT_S,
        )
    )


@pytest.mark.slow
def test_pictures_that_stop_while_the_camera_goes_on_talking_are_missed() -> None:
    with (
        neighbour() as beside,
        rtsp_camera(make_film()) as camera,
        WatchedStream(SourceConfig(url=camera.url(), rtsp_transport="udp", **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        began_s, camera.skip = time.monotonic(), lambda _: True
        detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
        ended_s, camera.skip = time.monotonic(), lambda _: False
        recover_s = stream.wait_frame(ended_s, wanted=lambda frame: frame.gap_before)
        held, lost = beside.is_undisturbed, f"the pictures of the time itself; {beside}"
    fault = "RTSP camera over UDP: pictures stop, the connection stands"
    record_fault(FaultRow(1, fault, PROMISE, detect_s, recover_s, lost, held, TIMEOUT_S))
