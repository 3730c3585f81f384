"""A recorder's clock over sources whose times do what they want."""

from __future__ import annotations

from streamtrack.recording.film_clock import FilmClock, Placed
from streamtrack.recording.film_packet import TICKS_PER_S

FRAME = TICKS_PER_S // 25


def placed(clock: FilmClock, pts: int | None, dts: int | None, wall_ms: int = 0) -> Placed:
    found = clock.place(pts, dts, wall_ms)
    assert found is not None
    return found


def test_pictures_out_of_order_keep_their_distance() -> None:
    clock = FilmClock()
    times = [
        (1_000 + 2 * FRAME, 1_000),
        (1_000 + 4 * FRAME, 1_000 + FRAME),
        (1_000 + 3 * FRAME, 1_000 + 2 * FRAME),
    ]
    found = [placed(clock, pts, dts) for pts, dts in times]
    assert [(one.pts, one.dts) for one in found] == [
        (2 * FRAME, 0),
        (4 * FRAME, FRAME),
        (3 * FRAME, 2 * FRAME),
    ]
    assert [one.is_new_run for one in found] == [True, False, False]


def test_time_that_goes_back_or_far_ahead_begins_a_new_run_later() -> None:
    clock = FilmClock()
    placed(clock, 500_000, 500_000, wall_ms=1_000)
    back = placed(clock, 0, 0, wall_ms=3_000)
    assert back.is_new_run
    assert back.dts == 2 * TICKS_PER_S
    ahead = placed(clock, 60 * TICKS_PER_S, 60 * TICKS_PER_S, wall_ms=3_040)
    assert ahead.is_new_run
    assert ahead.dts == back.dts + 40 * 90


def test_source_that_is_opened_again_goes_on_behind_what_was() -> None:
    clock = FilmClock()
    placed(clock, 0, 0)
    last = placed(clock, FRAME, FRAME)
    clock.restart()
    again = placed(clock, 0, 0)
    assert again.is_new_run
    assert again.dts == last.dts + 1, "the wall clock stood: one tick"


def test_missing_decode_times_are_those_of_showing_and_rise() -> None:
    clock = FilmClock()
    found = [placed(clock, pts, None) for pts in (0, 3 * FRAME, FRAME, 2 * FRAME, 4 * FRAME)]
    assert not any(one.is_new_run for one in found[1:])
    times = [one.dts for one in found]
    assert times == sorted(set(times))
    assert all(one.pts >= one.dts for one in found)


def test_picture_without_any_time_has_no_place() -> None:
    assert FilmClock().place(None, None, 0) is None
