"""Presentation times, and the way back from them."""

from __future__ import annotations

from streamtrack.clock import NS_PER_MS, NS_PER_S
from streamtrack.video.timeline import Timeline


def test_pts_follow_capture_time_in_90_khz_and_lead_back_to_frames() -> None:
    timeline = Timeline()
    base = 7 * NS_PER_S
    stamps = [timeline.stamp(base + index * 40 * NS_PER_MS, 100 + index, 0) for index in range(3)]
    assert stamps == [0, 3600, 7200]
    assert [timeline.frame_idx_at(pts) for pts in (*stamps, 5)] == [100, 101, 102, None]


def test_pts_rise_even_where_capture_times_do_not() -> None:
    timeline = Timeline()
    assert [timeline.stamp(NS_PER_S, 1, 0), timeline.stamp(NS_PER_S, 2, 0), timeline.stamp(0, 3, 0)] == [
        0,
        1,
        2,
    ]


def test_picture_that_is_sent_again_moves_on_with_the_clock() -> None:
    timeline = Timeline()
    timeline.stamp(0, 8, now_ns=0)
    assert timeline.repeat(8, now_ns=NS_PER_S) == 90_000
    assert timeline.frame_idx_at(90_000) == 8


def test_timeline_forgets_and_survives_the_wrap_of_32_bits() -> None:
    timeline = Timeline(kept=2)
    timeline.stamp(0, 0, 0)
    late_ns = 2**32 * NS_PER_S // 90_000 + NS_PER_MS
    pts = timeline.stamp(late_ns, 1, 0)
    assert pts > 2**32
    assert timeline.frame_idx_at(pts % 2**32) == 1
    timeline.stamp(late_ns + NS_PER_S, 2, 0)
    assert timeline.frame_idx_at(0) is None
