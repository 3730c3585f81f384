"""Which frames a film's frame reads, against sam2's own choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given
from sam2.modeling.sam2_utils import select_closest_cond_frames

from streamtrack.engine.film_plan import FilmMemory, nearest_conditioning
from streamtrack.engine.read_plan import FeatureRead, PointerRead, Stored
from streamtrack.errors import ConfigError


def stored(frame_idx: int, conditioning: Sequence[int], followed: Sequence[int]) -> Stored:
    return Stored(frame_idx, conditioning, followed, followed, {})


def test_forward_reads_prompts_of_any_time_and_pointers_of_the_past() -> None:
    reading = FilmMemory(frames=2, pointers=3).plan(stored(10, [0, 10, 20], [6, 7, 9, 11]))
    assert reading.features == (
        *(FeatureRead(index, None) for index in (0, 10, 20)),
        FeatureRead(9, 1),
    )
    assert [(read.frame_idx, read.age) for read in reading.pointers] == [(0, 10), (10, 0), (9, 1), (7, 3)]


def test_backward_reads_the_other_side() -> None:
    plan = FilmMemory(frames=2, pointers=3, reverse=True)
    reading = plan.plan(stored(10, [0, 20], [9, 11, 12, 13]))
    assert [read.frame_idx for read in reading.features] == [0, 20, 11, 12]
    assert [(read.frame_idx, read.age) for read in reading.pointers] == [(20, 10), (11, 1), (12, 2), (13, 3)]


def test_a_prompt_that_is_too_far_counts_as_a_followed_frame() -> None:
    reading = FilmMemory(frames=6, pointers=15, max_conditioning=2).plan(stored(10, [7, 9, 30], []))
    assert reading.features == (FeatureRead(9, None), FeatureRead(30, None), FeatureRead(7, 3))
    assert reading.pointers == (PointerRead(9, 1), PointerRead(7, 3))


@given(
    st.integers(0, 40),
    st.sets(st.integers(0, 40), min_size=1, max_size=12),
    st.sampled_from([-1, 2, 3, 5]),
)
def test_the_nearest_prompts_are_those_of_sam2(frame_idx: int, frames: set[int], limit: int) -> None:
    ascending = sorted(frames)
    selected, _ = select_closest_cond_frames(frame_idx, {index: index for index in ascending}, limit)
    assert nearest_conditioning(frame_idx, ascending, limit) == tuple(sorted(selected))


@pytest.mark.parametrize("limit", [0, 1, -2])
def test_a_limit_that_would_lose_a_side_is_refused(limit: int) -> None:
    with pytest.raises(ConfigError, match=f"^max_cond_frames_in_attn is {limit}, expected at least 2"):
        FilmMemory(6, 15, max_conditioning=limit)


def test_anchors_of_the_past_take_the_places_of_the_oldest_recent_frames() -> None:
    what = replace(stored(20, [0], range(1, 40)), anchors=(2, 5, 9, 19, 33))
    plan = FilmMemory(6, 15, anchors=3)
    reading = plan.plan(what)
    assert [(read.frame_idx, read.age) for read in reading.features] == [
        *((0, None), (5, None), (9, None), (19, None)),
        *((18, 2), (17, 3)),
    ]
    assert plan.plan(replace(what, anchors=())) == FilmMemory(6, 15).plan(what)
    backward = FilmMemory(6, 15, reverse=True, anchors=3).plan(what)
    assert [read.frame_idx for read in backward.features if read.age is None] == [0, 33]
