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
def test_jitter_only_shortens_and_by_its_share_at_most(
    failures: int, unit_random: float, jitter: float
) -> None:
    config = ReconnectConfig(first_delay_ms=100, max_delay_ms=1000, jitter=jitter)
    without = backoff_delay_ms(config.model_copy(update={"jitter": 0}), failures, 0)

    delay = backoff_delay_ms(config, failures, unit_random)

    assert without * (1 - jitter) <= delay <= without <= 1000


def test_first_delay_longer_than_the_longest_is_kept() -> None:
    config = ReconnectConfig(first_delay_ms=2000, max_delay_ms=1000, jitter=0)

    assert backoff_delay_ms(config, 5, 0) == 2000


def test_no_failure_is_refused() -> None:
    with pytest.raises(ValueError, match="failures is 0"):
        backoff_delay_ms(ReconnectConfig(), 0, 0)
