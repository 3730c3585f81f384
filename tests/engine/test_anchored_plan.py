"""Anchors: read in the places of the oldest recent frames, and kept for as long as any prompt may want."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable

import pytest

from streamtrack.engine.anchored_plan import AnchoredMemory
from streamtrack.engine.read_plan import Evidence, RecentMemory, Stored
from streamtrack.errors import ConfigError

PLAIN = Evidence(0.9, 0.9, None)
ANCHOR = Evidence(0.9, 0.9, None, anchor=True)


def stored(frame_idx: int, followed: Iterable[int], anchors: Collection[int] = ()) -> Stored:
    frames = list(followed)
    evidence = {index: ANCHOR if index in anchors else PLAIN for index in frames}
    return Stored(frame_idx, [0], frames, frames, evidence)


def reads(plan: RecentMemory, what: Stored) -> list[tuple[int, int | None]]:
    return [(read.frame_idx, read.age) for read in plan.plan(what).features]


def test_without_anchors_it_is_recent_memory() -> None:
    what = stored(20, range(20))
    assert AnchoredMemory(6, 15).plan(what) == RecentMemory(6, 15).plan(what)


def test_anchors_are_read_without_an_age_in_the_places_of_the_oldest() -> None:
    what = stored(40, range(1, 40), anchors={5, 12, 19, 26})
    anchored = AnchoredMemory(6, 15)
    assert reads(anchored, what) == [
        *((0, None), (12, None), (19, None), (26, None)),
        *((39, 1), (38, 2), (37, 3)),
    ]
    reading = anchored.plan(what)
    assert len(reading.features) == reading.num_conditioning + anchored.max_features
    assert reading.pointers == RecentMemory(6, 15).plan(what).pointers


def test_an_anchor_among_the_last_frames_is_read_once() -> None:
    what = stored(20, range(1, 20), anchors={18})
    assert reads(AnchoredMemory(4, 3), what) == [(0, None), (18, None), (19, 1), (17, 2), (16, 3)]


def test_one_recent_frame_is_always_read() -> None:
    assert reads(AnchoredMemory(2, 3), stored(20, range(1, 20), {3, 4, 5})) == [
        (0, None),
        (5, None),
        (19, 1),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_what_room_is_made_of_is_never_wanted_by_a_prompt_on_a_kept_frame(seed: int) -> None:
    rng = random.Random(seed)
    plan, history = AnchoredMemory(3, 4, history=8), 8
    held: list[int] = []
    everything: list[int] = []
    evidence: dict[int, Evidence] = {}
    for now in range(1, 200):
        for oldest in range(max(1, now - history + 1), now + 1):
            # What was there when the frame came, and what of it is still there.
            then = [index for index in everything if index < oldest]
            left = [index for index in held if index < oldest]
            whole = plan.plan(Stored(oldest, [0], then, then, evidence))
            assert plan.plan(Stored(oldest, [0], left, left, evidence)).features == whole.features
        if rng.random() < 0.3:
            continue  # not remembered
        if len(held) == plan.feature_reach + history:
            held.remove(plan.give_up(held, evidence))
        held.append(now)
        everything.append(now)
        evidence[now] = ANCHOR if rng.random() < 0.4 else PLAIN
    assert len(held) == plan.feature_reach + history


def test_numbers_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected numbers of at least 1"):
        AnchoredMemory(0, 1)
    with pytest.raises(ConfigError, match="expected anchors from 0"):
        AnchoredMemory(1, 1, anchors=-1)
