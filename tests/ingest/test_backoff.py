from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtrack.config import ReconnectConfig
from streamtrack.ingest.backoff import backoff_delay_ms


def test_delay_doubles_up_to_the_longest() -> None:
    config = ReconnectConfig(first_delay_ms=500, max_delay_ms=3000, jitter=0)

    delays = [backoff_delay_ms(config, failures, 0.9) for failures in range(1, 7)]

    assert delays == [500, 1000, 2000, 3000, 3000, 3000]


@given(
    failures=st.integers(1, 10**9),
    unit_random=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 1),
)
def test_jitter_goes_both_ways_by_its_share_and_never_past_the_longest(
    failures: int, unit_random: float, jitter: float
) -> None:
    config = ReconnectConfig(first_delay_ms=100, max_delay_ms=1000, jitter=jitter)
    middle = min(100 * 2.0 ** min(failures - 1, 32), 1000 / (1 + jitter))

    delay = backoff_delay_ms(config, failures, unit_random)

    assert middle * (1 - jitter) <= delay <= min(1000, middle * (1 + jitter) + 1e-6)
    assert backoff_delay_ms(config, failures, 0.5) == pytest.approx(middle)


def test_first_delay_longer_than_the_longest_is_kept() -> None:
    config = ReconnectConfig(first_delay_ms=2000, max_delay_ms=1000, jitter=0)

    assert backoff_delay_ms(config, 5, 0) == 2000


def test_hundred_cameras_come_back_one_by_one() -> None:
    config = ReconnectConfig()

    first = [backoff_delay_ms(config, 1, number / 100) for number in range(100)]
    later = [backoff_delay_ms(config, 20, number / 100) for number in range(100)]

    # The most that come back within the same 100 ms: all within 125 ms would be 80 of them.
    for delays in (first, later):
        assert max(sum(start <= d < start + 100 for d in delays) for start in delays) <= 21
    assert max(later) <= 5000  # back within 5 s, however long it was away


def test_refused_password_is_tried_seldom_from_the_first_time_on() -> None:
    config = ReconnectConfig(first_delay_ms=100, max_delay_ms=1000, refused_delay_ms=30_000, jitter=0.5)

    delays = [backoff_delay_ms(config, failures, 0.9, refused=True) for failures in (1, 2, 50)]

    assert all(20_000 < delay <= 30_000 for delay in delays)


def test_no_failure_is_refused() -> None:
    with pytest.raises(ValueError, match="failures is 0"):
        backoff_delay_ms(ReconnectConfig(), 0, 0)
