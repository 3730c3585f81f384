from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamtrack.frame import ObjectMask, ObjectState
from streamtrack.tracking.carriage import carried_on, looked_at


def mask_at(x: int) -> ObjectMask:
    mask = np.zeros((40, 100), np.bool_)
    mask[10:20, x : x + 10] = True
    return ObjectMask.from_mask(mask, 1, iou_score=0.75)


@pytest.mark.parametrize(
    ("state", "doubt"),
    [
        (ObjectState.TRACKING, 0.25),
        (ObjectState.UNCERTAIN, 1.0),
        (ObjectState.OCCLUDED, 1.0),
        (ObjectState.UNSEEN, 1.0),
        (ObjectState.LOST, 0.0),
    ],
)
def test_who_is_in_doubt_needs_a_look(state: ObjectState, doubt: float) -> None:
    assert looked_at(mask_at(0), state).need == doubt


def test_the_further_a_mask_has_gone_the_more_it_needs_one() -> None:
    seen = looked_at(mask_at(0), ObjectState.TRACKING)
    near = carried_on(seen, mask_at(5), 1)
    far = carried_on(near, mask_at(60), 2)
    assert (near.frames, near.need) == (1, 0.75)
    assert (far.frames, far.need) == (3, 1.25)


def test_mask_that_is_gone_has_gone_nowhere() -> None:
    seen = looked_at(mask_at(0), ObjectState.TRACKING)
    gone = replace(mask_at(0), area_px=0, centroid=None)
    assert carried_on(seen, gone, 1).need == seen.need
