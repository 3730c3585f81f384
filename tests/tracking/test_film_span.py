"""Which frames a film's run follows, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.errors import ConfigError, PromptError
from streamtrack.tracking.film_span import Direction, FilmSpan, plan_passes


@pytest.mark.parametrize(
    ("direction", "span", "forward", "backward", "told"),
    [
        ("forward", FilmSpan(), range(3, 20), None, range(3, 20)),
        ("forward", FilmSpan(0), range(20), None, range(20)),
        ("backward", FilmSpan(), None, range(7, -1, -1), range(8)),
        ("backward", FilmSpan(end=19), None, range(19, -1, -1), range(20)),
        ("both", FilmSpan(), range(3, 20), range(7, -1, -1), range(20)),
        ("both", FilmSpan(end=9), range(3, 10), range(7, -1, -1), range(10)),
    ],
)
def test_passes_begin_at_the_prompted_frames(
    direction: Direction, span: FilmSpan, forward: range, backward: range, told: range
) -> None:
    first = None if span.start is None else 0
    last = None if span.end is None else span.end
    passes = plan_passes(direction, {3, 7}, span.num_positions(20), first, last)
    assert (passes.forward, passes.backward, passes.told) == (forward, backward, told)


def test_positions_count_the_frames_that_are_looked_at() -> None:
    span = FilmSpan(10, 30, 5)
    assert span.num_positions(100) == span.num_positions(None) == 5
    assert span.num_positions(22) == 3
    assert list(span.numbers(range(1, 3))) == [15, 20]
    assert list(span.numbers(range(2, -1, -1))) == [20, 15, 10]
    assert span.require(25, "object 1") == 3
    for number, message in (
        (9, "frame 9 is left out, expected one from 10 to 30"),
        (12, "expected 10 or 15"),
    ):
        with pytest.raises(PromptError, match=message):
            span.require(number, "object 1")


@pytest.mark.parametrize("values", [(-1,), (5, 4), (0, None, 0), (True,), (1.5,)])
def test_span_that_cannot_be_meant_is_refused(values: Any) -> None:
    with pytest.raises(ConfigError, match=r"^(start|end|stride) is .*, expected"):
        FilmSpan(*values)


def test_direction_and_prompts_are_asked_for() -> None:
    with pytest.raises(ConfigError, match="direction is 'up', expected forward, backward or both"):
        plan_passes("up", {0}, 5)  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="no object has a prompt"):
        plan_passes("both", set(), 5)
