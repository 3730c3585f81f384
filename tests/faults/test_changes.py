"""Rows 6, 7 and 9: size, codec and aspect change under way, clocks jump, the picture freezes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from streamtrack.clock import NS_PER_S, SystemClock
from streamtrack.config import SourceConfig
from streamtrack.frame import EventKind, Frame, Image
from tests.faults.injectors.films import Film, make_film
from tests.faults.injectors.rtp import TICKS
from tests.faults.injectors.rtsp_camera import RtspCamera, rtsp_camera
from tests.faults.table import FaultRow, record_fault
from tests.faults.watched import QUICK, TIMEOUT_MS, WatchedStream, neighbour
from tests.support.smear import noisy_picture
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults
slow = pytest.mark.slow

TIMEOUT_S = TIMEOUT_MS / 1000
FPS = 25.0
HOUR = 3600 * TICKS
NUM_AFTER = 25
"""Pictures that are watched after a jump."""


def small_picture(number: int) -> Image:
    return np.asarray(cv2.resize(noisy_picture(number % 40), (192, 112)), np.uint8)


def still_picture(_: int) -> Image:
    return noisy_picture(0)


def is_of(film: Film) -> Callable[[Frame], bool]:
    shape = film.truth[0].shape
    return lambda frame: frame.image.shape == shape


def small() -> Film:
    return make_film(draw=small_picture)


def wide_samples() -> Film:
    return make_film(aspect=(4, 3))


@pytest.mark.parametrize(
    ("fault", "make", "width_px"),
    [("size changes under way", small, 192), ("aspect of a sample changes under way", wide_samples, 341)],
    ids=["size", "aspect"],
)
def test_other_size_is_told_and_nothing_is_lost(fault: str, make: Callable[[], Film], width_px: int) -> None:
    films = [make_film(), make()]
    with (
        neighbour() as beside,
        rtsp_camera(films[0], FPS) as camera,
        WatchedStream(SourceConfig(url=camera.url(), **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        times = []
        for film in (films[1], films[0]):
            camera.begin_film(film)
            began_s = time.monotonic()
            times.append(stream.wait_told(EventKind.SIZE_CHANGED, began_s))
        widths = [event.detail["now"][0] for _, event in stream.told(EventKind.SIZE_CHANGED)]
        is_lossless = not stream.told(EventKind.SOURCE_LOST) and stream.num_damaged == 0
        held = abs(widths[0] - width_px) <= 1 and widths[1] == 256 and is_lossless and beside.is_undisturbed
        lost = f"nothing, no reconnect; {beside}"
    promise = "`size_changed`, the next picture has it"
    record_fault(FaultRow(6, fault, promise, max(times), max(times), lost, held, TIMEOUT_S))


@pytest.mark.parametrize("is_told", [pytest.param(True, marks=slow), False], ids=["reconnect", "in-stream"])
def test_other_codec_is_followed(is_told: bool) -> None:
    hevc = make_film("hevc")
    with (
        neighbour() as beside,
        rtsp_camera(make_film(draw=small_picture), FPS) as camera,
        WatchedStream(SourceConfig(url=camera.url(), **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        camera.begin_film(hevc)
        began_s = time.monotonic()
        if is_told:
            camera.drop_viewers()
        detect_s = stream.wait_told(EventKind.SOURCE_LOST, began_s)
        recover_s = stream.wait_frame(began_s + detect_s, wanted=is_of(hevc))
        stream.wait_told(EventKind.SIZE_CHANGED, began_s)
        held = beside.is_undisturbed
        lost = f"pictures until it is connected again; {beside}"
    fault = "H.264 becomes HEVC " + ("with a new session" if is_told else "within the session")
    promise = "`source_lost`, and the new description is read"
    record_fault(FaultRow(6, fault, promise, detect_s, recover_s, lost, held, TIMEOUT_S))


@pytest.mark.parametrize(
    ("fault", "jump", "told_s"),
    [
        pytest.param("RTP time starts again at 0", lambda camera: -camera.ticks, None, marks=slow),
        ("RTP time wraps", lambda camera: (1 << 32) - TICKS // 2 - camera.ticks, None),
        pytest.param("RTP time goes 5 hours on", lambda _: 5 * HOUR, 5 * 3600, marks=slow),
        ("RTP time goes 2 hours back", lambda _: -2 * HOUR, -2 * 3600),
        pytest.param("RTP time goes 9 s on", lambda _: 9 * TICKS, 9, marks=slow),
        pytest.param("RTP time goes 3 s back", lambda _: -3 * TICKS, -3, marks=slow),
    ],
    ids=["reset", "wrap", "hours-on", "hours-back", "on", "back"],
)
def test_jump_of_the_cameras_clock_loses_nothing(
    fault: str, jump: Callable[[RtspCamera], int], told_s: float | None
) -> None:
    with (
        neighbour() as beside,
        rtsp_camera(make_film(), FPS) as camera,
        WatchedStream(SourceConfig(url=camera.url(), **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        before = stream.frames_in
        sent, began_s = camera.num_sent, time.monotonic()
        camera.ticks += jump(camera)
        wait_until(lambda: camera.num_sent >= sent + NUM_AFTER, "pictures after the jump")
        camera.hold = True
        wait_until(lambda: stream.frames_in >= before + NUM_AFTER - 2, "all of them")
        detect_s = None
        if told_s is not None:
            detect_s = stream.wait_told(EventKind.CLOCK_JUMPED, began_s)
            [(_, event)] = stream.told(EventKind.CLOCK_JUMPED)
            assert event.detail["seconds"] == pytest.approx(told_s, abs=1.5)
        held = stream.is_in_order and not stream.told(EventKind.SOURCE_LOST) and beside.is_undisturbed
        lost = f"nothing: every picture came, times go on rising; {beside}"
    promise = "`clock_jumped` from 2 s on, tracking goes on" if told_s is not None else "tracking goes on"
    record_fault(
        FaultRow(7, fault, promise, detect_s, None, lost, held, TIMEOUT_S if told_s is not None else None)
    )


@pytest.mark.slow
def test_time_that_stands_still_loses_nothing() -> None:
    with (
        neighbour() as beside,
        rtsp_camera(make_film(), FPS) as camera,
        WatchedStream(SourceConfig(url=camera.url(), **QUICK)) as stream,
    ):
        stream.wait_frame(0.0)
        camera.clock_speed = 0.0
        sent, before = camera.num_sent, stream.frames_in
        beside.begin()
        wait_until(lambda: camera.num_sent >= sent + NUM_AFTER, "pictures without a time")
        wait_until(lambda: stream.frames_in >= before + NUM_AFTER - 2, "all of them")
        held = stream.is_in_order and not stream.told(EventKind.SOURCE_LOST) and beside.is_undisturbed
        lost = f"nothing: every picture came; {beside}"
    record_fault(FaultRow(7, "RTP time stands still", "tracking goes on", None, None, lost, held))


class SteppedClock(SystemClock):
    """The machine's clocks; the wall clock can be set."""

    def __init__(self) -> None:
        self.step_ns = 0

    def wall_ns(self) -> int:
        return super().wall_ns() + self.step_ns


@pytest.mark.parametrize("hours", [-24, pytest.param(1, marks=slow)], ids=["back", "on"])
def test_step_of_the_wall_clock_disturbs_nothing(hours: int) -> None:
    clock = SteppedClock()
    with (
        neighbour() as beside,
        rtsp_camera(make_film(), FPS) as camera,
        WatchedStream(SourceConfig(url=camera.url(), **QUICK), clock=clock) as stream,
    ):
        stream.wait_frame(0.0)
        beside.begin()
        stepped_s = time.monotonic()
        clock.step_ns = hours * 3600 * NS_PER_S
        wait_until(lambda: sum(s.at_s > stepped_s for s in stream.seen) > NUM_AFTER, "frames after the step")
        frames = [seen.frame for seen in stream.seen]
        is_monotonic = all(
            0 < b.capture_monotonic_ns - a.capture_monotonic_ns < 2 * NS_PER_S
            for a, b in itertools.pairwise(frames)
        )
        held = is_monotonic and not stream.events and beside.is_undisturbed
        lost = f"nothing: durations follow the monotonic clock; {beside}"
    way = "on" if hours > 0 else "back"
    record_fault(
        FaultRow(7, f"wall clock set {abs(hours)} h {way}", "tracking goes on", None, None, lost, held)
    )


@pytest.mark.slow
def test_frozen_picture_is_told() -> None:
    still = make_film(num_frames=15, draw=still_picture)
    config = SourceConfig(url="rtsp://127.0.0.1/", frozen_after_ms=1000, **QUICK)
    with neighbour() as beside, rtsp_camera(make_film(), FPS) as camera:
        config = config.model_copy(update={"url": camera.url()})
        with WatchedStream(config) as stream:
            stream.wait_frame(0.0)
            beside.begin()
            began_s = time.monotonic()
            camera.begin_film(still)
            detect_s = stream.wait_told(EventKind.FROZEN, began_s)
            ended_s = time.monotonic()
            camera.begin_film(make_film())
            recover_s = stream.wait_told(EventKind.UNFROZEN, ended_s)
            held = beside.is_undisturbed
            lost = f"nothing; {beside}"
    promise = "`frozen`, `unfrozen`"
    fault = "encoder hangs: the same picture over and over"
    record_fault(FaultRow(9, fault, promise, detect_s, recover_s, lost, held, 1.0))
