from __future__ import annotations

from fractions import Fraction

import numpy as np

from streamtrack.clock import NS_PER_MS, FakeClock
from streamtrack.ingest.decoder import Picture
from streamtrack.ingest.pacing import MediaTime, Pacer

FRAME_NS = 40 * NS_PER_MS


def test_frames_wait_for_their_time() -> None:
    clock, pacer = FakeClock(), Pacer()
    assert pacer.wait_ns(0, clock.monotonic_ns()) == 0

    clock.advance_ms(10)

    assert pacer.wait_ns(FRAME_NS, clock.monotonic_ns()) == 30 * NS_PER_MS


def test_late_frame_does_not_wait_and_the_schedule_stands() -> None:
    clock, pacer = FakeClock(), Pacer()
    pacer.wait_ns(0, clock.monotonic_ns())
    clock.advance_ms(100)

    assert pacer.wait_ns(FRAME_NS, clock.monotonic_ns()) == 0
    assert pacer.wait_ns(4 * FRAME_NS, clock.monotonic_ns()) == 60 * NS_PER_MS


def test_schedule_moves_after_a_long_stall() -> None:
    clock, pacer = FakeClock(), Pacer()
    pacer.wait_ns(0, clock.monotonic_ns())
    clock.advance_ms(10_000)

    assert pacer.wait_ns(FRAME_NS, clock.monotonic_ns()) == 0
    assert pacer.wait_ns(2 * FRAME_NS, clock.monotonic_ns()) == FRAME_NS


def test_time_stamps_that_jump_start_the_schedule_afresh() -> None:
    clock, pacer = FakeClock(), Pacer()
    pacer.wait_ns(100 * FRAME_NS, clock.monotonic_ns())

    back = pacer.wait_ns(0, clock.monotonic_ns())
    after_back = pacer.wait_ns(FRAME_NS, clock.monotonic_ns())
    ahead = pacer.wait_ns(3_600_000 * NS_PER_MS, clock.monotonic_ns())

    assert (back, after_back, ahead) == (0, FRAME_NS, 0)


def test_slow_folder_keeps_its_ten_seconds() -> None:
    clock, pacer = FakeClock(), Pacer()
    pacer.wait_ns(0, clock.monotonic_ns())

    assert pacer.wait_ns(10_000 * NS_PER_MS, clock.monotonic_ns()) == 10_000 * NS_PER_MS


def test_pictures_without_a_time_follow_by_the_frame_rate() -> None:
    image, ticks = np.zeros((1, 1, 3), np.uint8), Fraction(1, 1000)
    time = MediaTime(25)

    assert time.of(Picture(image, 500, ticks)) == 500 * NS_PER_MS
    assert time.of(Picture(image, None, ticks)) == 540 * NS_PER_MS
    assert MediaTime(None).of(Picture(image, None, ticks)) == 0
