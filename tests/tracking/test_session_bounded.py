"""A session of thousands of frames keeps as many bytes as after its first, whatever its memory plan."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.tracking import Tracker
from tests.support.pictures import drifting_ellipses

FRAMES = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["motion_aware", "distractor_aware"])
def test_two_thousand_frames_keep_as_many_bytes_as_the_first(plan: str, small_nano: Tracker) -> None:
    images = drifting_ellipses(num_frames=40)
    there_and_back = [*images, *images[::-1]]
    nothing = np.zeros_like(images[0])
    session = small_nano.new_session(TrackingConfig.model_validate({"memory": plan, "window": "off"}))
    session.step(images[0])
    height, width = images[0].shape[:2]
    session.add(1, box=(width * 0.25, height * 0.25, width * 0.75, height * 0.75), at_frame=0)
    held = session.num_bytes
    watch = session._tracks.by_id[1].memory
    assert watch is not None
    for index in range(1, FRAMES):
        # Now and then nothing is to be seen, and the object has to be found again.
        gone = index % 200 > 180
        session.step(nothing if gone else there_and_back[index % len(there_and_back)])
        assert session.num_bytes == held
    newest = watch.newest
    assert newest is not None
    assert len(watch._past) <= 34
    assert len(newest[1].gallery) <= 8
