from __future__ import annotations

from fractions import Fraction

import numpy as np

from streamtrack.clock import NS_PER_MS
from streamtrack.frame import Frame
from streamtrack.tracking.stream_time import StreamTime


def frame(pts: int | None, captured_ms: int, *, gap_before: bool = False) -> Frame:
    image = np.zeros((2, 2, 3), np.uint8)
    return Frame(image, 0, pts, Fraction(1, 1000), captured_ms * NS_PER_MS, 0, gap_before)


def times_ms(*frames: Frame) -> list[int]:
    stream_time = StreamTime(len(frames))
    for each in frames:
        stream_time.advance(each)
    return [stream_time.at(index) // NS_PER_MS for index in range(len(frames))]


def test_file_counts_by_its_presentation_times() -> None:
    assert times_ms(frame(0, 5), frame(40, 6), frame(80, 7)) == [0, 40, 80]


def test_without_presentation_times_the_capture_clock_counts() -> None:
    assert times_ms(frame(None, 5), frame(None, 25), frame(None, 60)) == [0, 20, 55]


def test_camera_clock_that_jumps_is_not_believed() -> None:
    ahead, back = frame(3_600_000, 40), frame(20, 80)
    assert times_ms(frame(0, 0), ahead, back) == [0, 40, 80]


def test_gap_counts_by_the_capture_clock() -> None:
    assert times_ms(frame(1000, 0), frame(1040, 5000, gap_before=True)) == [0, 5000]
