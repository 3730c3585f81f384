"""What an object is started again from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamtrack.frame import ObjectMask, ObjectState
from streamtrack.pipeline.last_seen import LastSeen
from tests.support.video import absent, disc, result


def seen(object_id: int, x: float, label: str = "") -> ObjectMask:
    return ObjectMask.from_mask(disc(x, 80), object_id, label=label)


def test_object_out_of_sight_is_started_on_the_picture_where_it_was_last_seen() -> None:
    kept = LastSeen()
    first = result(3, {1: seen(1, 60), 2: seen(2, 120, "old")})
    second = result(4, {1: absent(1, ObjectState.LOST), 2: seen(2, 130, "new")})
    kept.note(first)
    kept.note(second)
    older, newest = kept.seeds()
    assert (older.frame, newest.frame) == (first.frame, second.frame)
    assert [found.object_id for found in older.objects] == [1]
    assert np.array_equal(older.objects[0].mask, first.objects[1].mask)
    assert [(found.object_id, found.label) for found in newest.objects] == [(2, "new")]


def test_newest_picture_comes_last_also_where_nothing_is_seen_on_it() -> None:
    kept = LastSeen()
    kept.note(result(3, {1: seen(1, 60)}))
    last = result(9, {1: absent(1, ObjectState.OCCLUDED)})
    kept.note(last)
    assert [seed.frame for seed in kept.seeds()][-1] is last.frame
    assert kept.newest_frame_idx == 9


def test_smeared_picture_is_nothing_to_start_from() -> None:
    kept = LastSeen()
    whole, smeared = result(3, {1: seen(1, 60)}), result(4, {1: seen(1, 90)})
    smeared = replace(smeared, frame=replace(smeared.frame, damaged=True))
    kept.note(whole)
    kept.note(smeared)
    assert [len(seed.objects) for seed in kept.seeds()] == [1, 0]
    assert kept.seeds()[0].frame is whole.frame


def test_removed_object_is_forgotten() -> None:
    kept = LastSeen()
    kept.note(result(3, {1: seen(1, 60)}))
    kept.note(result(4, {}))
    assert kept.seeds() == ()
