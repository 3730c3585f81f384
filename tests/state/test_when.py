"""Moments of two processes, compared."""

from __future__ import annotations

import pytest

from streamtrack.clock import SYSTEM_CLOCK, FakeClock
from streamtrack.state.when import Moment, moment_of, seconds_between

S = 1_000_000_000


@pytest.mark.parametrize(
    ("then", "now", "seconds"),
    [
        (Moment(100 * S, "a", 5 * S), Moment(103 * S, "a", 8 * S), 3.0),
        (Moment(100 * S, "a", 5 * S), Moment(9_000 * S, "a", 8 * S), 3.0),  # the wall clock was set forward
        (Moment(100 * S, "a", 5 * S), Moment(2 * S, "a", 8 * S), 3.0),  # and back
        (Moment(100 * S, "a", 5 * S), Moment(160 * S, "b", 2 * S), 60.0),  # the machine was started again
        (Moment(100 * S, "a", 5 * S), Moment(40 * S, "b", 2 * S), None),  # with a clock that went back
        (Moment(100 * S), Moment(101 * S), 1.0),
    ],
)
def test_time_between_two_moments(then: Moment, now: Moment, seconds: float | None) -> None:
    assert seconds_between(then, now) == seconds


def test_moment_of_the_machine_rises_and_names_its_run() -> None:
    first = moment_of(SYSTEM_CLOCK)
    passed = seconds_between(first, moment_of(SYSTEM_CLOCK))
    assert passed is not None
    assert 0 <= passed < 60
    assert moment_of(FakeClock(wall_ns=5)) == Moment(5)
