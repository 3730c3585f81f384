"""Two masks in one place: whose it is, by counting pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamtrack.frame import BoolMask, ObjectMask
from streamtrack.tracking.claims import ClashWatch, contested, share_out

SIZE = (20, 30)


def mask(object_id: int, x0: int, y0: int, x1: int, y1: int, iou: float = 0.9) -> ObjectMask:
    full: BoolMask = np.zeros(SIZE, np.bool_)
    full[y0:y1, x0:x1] = True
    return ObjectMask.from_mask(full, object_id, iou_score=iou)


def by_id(*masks: ObjectMask) -> dict[int, ObjectMask]:
    return {one.object_id: one for one in masks}


def test_the_worse_of_two_in_one_place_is_contested() -> None:
    good, bad = mask(1, 0, 0, 10, 10), mask(2, 1, 0, 11, 10, iou=0.6)
    assert contested(by_id(good, bad)) == {2}
    assert contested(by_id(bad, good)) == {2}


def test_a_part_in_another_is_contested_and_a_touch_is_not() -> None:
    whole, part = mask(1, 0, 0, 20, 20), mask(2, 5, 5, 9, 9, iou=0.8)
    assert contested(by_id(whole, part)) == {2}
    assert contested(by_id(mask(1, 0, 0, 10, 10), mask(2, 8, 0, 18, 10))) == set()
    assert contested(by_id(mask(1, 0, 0, 10, 10), mask(2, 20, 0, 25, 5))) == set()


def test_between_equals_the_first_stays() -> None:
    assert contested(by_id(mask(7, 0, 0, 9, 9), mask(3, 0, 0, 9, 9))) == {3}


def test_each_pixel_goes_to_the_greatest_logit() -> None:
    first, second = mask(1, 0, 0, 12, 10), mask(2, 8, 0, 20, 10)
    logits: dict[int, NDArray[np.float32]] = {key: np.zeros(SIZE, np.float32) for key in (1, 2)}
    logits[1][:, :10], logits[2][:, 10:] = 2.0, 3.0
    shown = share_out(by_id(first, second), lambda key, box: logits[key][box[1] : box[3], box[0] : box[2]])
    assert shown[1].box == (0, 0, 10, 10)
    assert shown[2].box == (10, 0, 20, 10)
    assert not (shown[1].mask & shown[2].mask).any()
    assert np.array_equal(shown[1].mask | shown[2].mask, first.mask | second.mask)
    assert (shown[1].area_px, shown[1].centroid) == (100, (5.0, 5.0))
    assert first.area_px == 120  # what was given stays


def test_of_three_the_best_has_it_and_one_may_be_left_with_nothing() -> None:
    masks = by_id(*(mask(key, 4, 4, 10, 10) for key in (1, 2, 3)))
    shown = share_out(
        masks, lambda key, box: np.full((box[3] - box[1], box[2] - box[0]), key == 2, np.float32)
    )
    assert [one.area_px for one in shown.values()] == [0, 36, 0]
    assert (shown[1].box, shown[1].centroid) == ((0, 0, 0, 0), None)


def test_masks_apart_are_the_same_objects() -> None:
    masks = by_id(mask(1, 0, 0, 5, 5), mask(2, 10, 10, 15, 15))
    shown = share_out(masks, lambda key, box: pytest.fail("nobody meets"))
    assert all(shown[key] is masks[key] for key in masks)


def test_a_clash_is_told_once_it_has_lasted_and_again_only_after_a_parting() -> None:
    watch = ClashWatch(iou=0.7, frames=3)
    together = by_id(mask(1, 0, 0, 10, 10), mask(2, 0, 0, 10, 9))
    apart = by_id(mask(1, 0, 0, 10, 10), mask(2, 10, 10, 20, 20))
    told = [watch.see(together) for _ in range(8)]
    assert [len(clashes) for clashes in told] == [0, 0, 1, 0, 0, 0, 0, 0]
    [clash] = told[2]
    assert (clash.object_id, clash.other_id, clash.frames) == (1, 2, 3)
    assert clash.as_detail() == {"other_id": 2, "iou": 0.9, "frames": 3}
    watch.see(apart)
    assert not any(watch.see(together) for _ in range(5))
    for _ in range(3):
        watch.see(apart)
    assert [len(watch.see(together)) for _ in range(3)] == [0, 0, 1]


def test_less_than_so_many_in_a_row_is_none_and_zero_turns_it_off() -> None:
    together = by_id(mask(1, 0, 0, 10, 10), mask(2, 0, 0, 10, 9))
    apart = by_id(mask(1, 0, 0, 10, 10), mask(2, 10, 10, 20, 20))
    watch = ClashWatch(iou=0.7, frames=3)
    assert not any(watch.see(masks) for masks in (together, together, apart) * 4)
    off = ClashWatch(iou=0.7, frames=0)
    assert not any(off.see(together) for _ in range(20))
