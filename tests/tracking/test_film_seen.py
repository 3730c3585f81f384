"""What was seen on a film's frames, in bytes and in the file."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.tracking.film_seen import NOTHING, Seen, TemporarySeen, pack, unpack


def seen(number: int, *, logits: bool = False) -> Seen:
    crop = np.random.default_rng(number).random((7, 1 + number)) > 0.4
    low_res = np.random.default_rng(number).random((4, 6), np.float32) if logits else None
    box = (3, 5, 4 + number, 12)
    return Seen(
        float(np.float32(0.1 * number)),
        float(np.float32(0.3)),
        number % 2 == 0,
        crop,
        box,
        (90, 160),
        number > 5,
        number != 8,
        low_res,
    )


def assert_same(one: Seen, other: Seen) -> None:
    for name in ("object_score", "iou_score", "finite", "box", "frame_size", "believed", "whole"):
        assert getattr(one, name) == getattr(other, name)
    assert np.array_equal(one.crop, other.crop)
    assert (one.logits is None) == (other.logits is None)
    assert one.logits is None or (other.logits is not None and np.array_equal(one.logits, other.logits))


def test_objects_come_back_from_bytes_as_they_were() -> None:
    given = {7: seen(2), 2**31 - 1: seen(5, logits=True), 0: NOTHING}
    back = unpack(pack(given))
    assert list(back) == list(given)
    for object_id, one in given.items():
        assert_same(one, back[object_id])
    assert unpack(pack({})) == {}


def test_backward_frames_are_kept_in_a_file_and_forward_ones_are_not() -> None:
    store = TemporarySeen()
    for position in (9, 8, 5):
        store.put(position, {1: seen(position)}, reverse=True)
    store.put(9, {1: seen(1)}, reverse=False)
    for position in (5, 9, 8):
        kept = store.get(position, reverse=True)
        assert kept is not None
        assert_same(kept[1], seen(position))
    assert store.get(7, reverse=True) is None
    assert store.get(99, reverse=True) is None
    assert store.get(9, reverse=False) is None
    assert 0 < store.num_bytes < 500
    store.close()
    assert store.num_bytes == pytest.approx(0)
