"""Which frames are read: a pure decision, so numbers are enough."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from streamtrack.engine.read_plan import RecentMemory, Stored
from streamtrack.errors import ConfigError


def stored(frame_idx: int, followed: Iterable[int], conditioning: Iterable[int] = ()) -> Stored:
    frames = list(followed)
    return Stored(frame_idx, sorted(conditioning), frames, frames, evidence={})


def reads(plan: RecentMemory, what: Stored) -> tuple[list[tuple[int, int | None]], list[tuple[int, int]]]:
    reading = plan.plan(what)
    return (
        [(read.frame_idx, read.age) for read in reading.features],
        [(read.frame_idx, read.age) for read in reading.pointers],
    )


def test_the_last_frames_are_read_behind_every_past_prompt() -> None:
    features, pointers = reads(RecentMemory(3, pointers=4), stored(20, range(20), {0, 7, 30}))
    assert features == [(0, None), (7, None), (19, 1), (18, 2), (17, 3)]
    assert pointers == [(0, 20), (7, 13), (16, 4), (17, 3), (18, 2), (19, 1)]


def test_a_recent_prompt_is_read_once_and_keeps_its_place_free() -> None:
    features, pointers = reads(RecentMemory(3, pointers=3), stored(20, range(20), {0, 18}))
    assert features == [(0, None), (18, None), (19, 1), (17, 3)]
    assert pointers == [(0, 20), (18, 2), (17, 3), (19, 1)]


def test_a_young_object_reads_what_there_is() -> None:
    features, pointers = reads(RecentMemory(6, pointers=15), stored(5, {3, 4}, {3}))
    assert features == [(3, None), (4, 1)]
    assert pointers == [(3, 2), (4, 1)]


def test_frames_that_are_not_stored_give_their_places_to_older_ones() -> None:
    whole = [*range(10), 13, 14]  # 10 to 12 and 15 to 99 were unfit
    features, pointers = reads(RecentMemory(3, pointers=4), stored(100, whole, {0}))
    assert features == [(0, None), (14, 1), (13, 2), (9, 3)]
    assert pointers == [(0, 100), (8, 4), (9, 3), (13, 2), (14, 1)]


def test_stride_reads_multiples_and_fills_holes_from_before_them() -> None:
    plan = RecentMemory(4, pointers=1, stride=3)
    assert reads(plan, stored(20, range(20)))[0] == [(19, 1), (18, 2), (15, 3), (12, 4)]
    whole = set(range(20)) - {18, 15}
    assert reads(plan, stored(20, whole))[0] == [(19, 1), (17, 2), (14, 3), (12, 4)]


def test_a_long_hole_costs_nothing() -> None:
    features, _ = reads(RecentMemory(6, pointers=15), stored(10**9, range(10), {0}))
    assert [index for index, _ in features] == [0, 9, 8, 7, 6, 5, 4]


def test_without_holes_it_is_what_the_network_was_trained_with() -> None:
    rng = random.Random(5)
    for _ in range(200):
        frames, pointers, stride = rng.randint(1, 6), rng.randint(1, 15), rng.randint(1, 4)
        first, now = sorted(rng.sample(range(60), 2))
        prompted = {first} | {index for index in range(first, now) if rng.random() < 0.1}
        second = (now - 2) // stride * stride
        wanted = [now - 1, *(second - age * stride for age in range(frames - 1))]
        expected = [
            (index, age) for age, index in enumerate(wanted, 1) if index >= first and index not in prompted
        ]
        found, _ = reads(RecentMemory(frames, pointers, stride), stored(now, range(first, now), prompted))
        assert found == [(index, None) for index in sorted(prompted)] + expected


@pytest.mark.parametrize("numbers", [(0, 15, 1), (6, 0, 1), (6, 15, 0)])
def test_a_plan_that_reads_nothing_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="expected numbers of at least 1"):
        RecentMemory(*numbers)
