"""Whose turn it is, as a matter of numbers."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings

from streamtrack.tracking.budget import Standby, choose, longest_carry


def test_most_needy_objects_are_chosen() -> None:
    needs = (0.1, 0.9, 0.2, 1.4)
    assert choose([Standby(1, need) for need in needs], 2, 8) == [1, 3]


def test_waiting_counts_as_need() -> None:
    assert choose([Standby(0, 0.2), Standby(7, 0.2)], 1, 8) == [1]


def test_due_object_goes_before_the_most_needy() -> None:
    assert choose([Standby(0, 9.0), Standby(8, 0.0), Standby(1, 9.0)], 1, 8) == [1]


def test_turns_are_taken_early_where_too_many_would_be_due_at_once() -> None:
    # Four that must all have had a turn within two frames, two a frame: who needs most has to wait.
    waiting = [Standby(7, 0.0) for _ in range(4)]
    assert choose([*waiting, Standby(0, 9.0)], 2, 8) == [0, 1]


def test_who_must_be_looked_at_at_once_comes_beside_those_who_are_due() -> None:
    new = [Standby(0, 0.0, at_once=True) for _ in range(3)]
    assert choose([*new, Standby(8, 0.0), Standby(2, 0.0)], 2, 8) == [0, 1, 2, 3]


def test_more_objects_than_turns_are_carried_for_longer() -> None:
    assert [longest_carry(number, 4, 8) for number in (4, 36, 37, 256)] == [8, 8, 9, 63]


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(1, 24),
    per_step=st.integers(1, 6),
    most=st.integers(1, 10),
    needs=st.lists(st.floats(0, 3), min_size=24, max_size=24),
)
def test_nobody_is_carried_for_longer_than_the_bound(
    number: int, per_step: int, most: int, needs: list[float]
) -> None:
    carried = [0] * number
    bound = longest_carry(number, per_step, most)
    for frame in range(60):
        # The same few always need it most; others now and then.
        standing = [Standby(carried[i], needs[(i + frame * (i % 3)) % 24]) for i in range(number)]
        chosen = choose(standing, per_step, most)
        assert len(chosen) == min(number, per_step)
        carried = [0 if i in chosen else count + 1 for i, count in enumerate(carried)]
        assert max(carried) <= bound
