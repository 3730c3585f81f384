from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.config import TrackingConfig
from streamtrack.control.status import CarriedStatus
from streamtrack.engine.preprocess import as_frame
from streamtrack.frame import FrameResult, ObjectMask, StageTimes
from streamtrack.pipeline.status import carried_objects


def result(*carried: int) -> FrameResult:
    one = ObjectMask.from_mask(np.ones((4, 4), np.bool_), 0)
    objects = {
        place: replace(one, object_id=place, carried_frames=count) for place, count in enumerate(carried)
    }
    frame = as_frame(np.zeros((4, 4, 3), np.uint8), 0, SYSTEM_CLOCK)
    return FrameResult(0, frame, objects, StageTimes())


@pytest.mark.parametrize(
    ("keys", "overdue"),
    [
        ({}, 0),
        ({"objects_per_step": 2, "max_carried_frames": 4}, 2),
        ({"objects_per_step": 2, "max_carried_frames": 4, "keyframe_interval": 2}, 1),
        ({"objects_per_step": 2, "max_carried_frames": 8}, 0),
    ],
)
def test_carried_objects_are_counted_and_those_that_wait_too_long(keys: dict[str, int], overdue: int) -> None:
    told = carried_objects(result(0, 3, 5, 6), TrackingConfig.model_validate(keys))
    assert told == CarriedStatus(objects=3, longest_frames=6, overdue=overdue)


def test_nobody_is_carried_before_the_first_frame() -> None:
    told = carried_objects(None, TrackingConfig(objects_per_step=2))
    assert told == CarriedStatus(objects=0, longest_frames=0, overdue=0)
