"""Waits between restarts, and failures in words."""

from __future__ import annotations

import pytest

from streamtrack.config import SupervisionConfig
from streamtrack.pipeline.supervision import restart_delay_ms, why_it_failed


def test_waits_double_up_to_the_longest() -> None:
    limits = SupervisionConfig(restart_initial_ms=1_000, restart_max_ms=30_000)
    assert [restart_delay_ms(limits, failures) for failures in (1, 2, 3, 5, 6, 10_000)] == [
        *(1_000, 2_000, 4_000, 16_000, 30_000, 30_000)
    ]


def test_stream_that_failed_for_hours_is_back_within_five_seconds_of_the_end_of_its_trouble() -> None:
    assert restart_delay_ms(SupervisionConfig(), 10_000) < 5_000


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "MemoryError: the machine has no memory left"),
        (RuntimeError("out of memory\n  and more"), "RuntimeError: out of memory and more"),
        (KeyError(), "KeyError without a message"),
    ],
)
def test_failure_is_told_in_one_line_of_words(error: Exception, words: str) -> None:
    assert why_it_failed(error) == words


def test_long_story_is_cut() -> None:
    assert len(why_it_failed(RuntimeError("x" * 9_999))) < 220
