"""A mask on two things is looked for anew where the object was going."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.frame import BoolMask, ObjectMask
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking import Session, Tracker
from streamtrack.tracking.kalman import Box, Motion
from streamtrack.tracking.memory_watch import PLACE_FRAMES
from streamtrack.tracking.past import Past
from streamtrack.tracking.telling_apart import look_again
from streamtrack.tracking.tracked_object import TrackedObject

NEWEST = 2
FIRST = 30
"""The two are apart there."""


@pytest.fixture(scope="module")
def pond(nano: Tracker) -> tuple[Session, dict[int, BoolMask]]:
    """Two koi that were followed for three frames, and where they are on the last."""
    scene = make_scene("crossing?width=320&height=180")
    session = nano.new_session(TrackingConfig(memory="motion_aware", window="off"))
    for object_id in (1, 2):
        session.add(object_id, mask=scene.render(FIRST)[1][object_id])
    for index in range(NEWEST + 1):
        session.step(scene.render(FIRST + index)[0])
    return session, scene.render(FIRST + NEWEST)[1]


def expect(tracked: TrackedObject, where: BoolMask, stable: int = PLACE_FRAMES) -> None:
    """Let an object be expected where a mask is."""
    box = box_of(where)
    assert tracked.memory is not None
    past = Past(Motion.start(box), stable, where.shape, (1000,), (), 0, None, box)
    tracked.memory.resume(NEWEST - 1, past)


def box_of(mask: BoolMask) -> Box:
    x0, y0, x1, y1 = ObjectMask.from_mask(mask, 1).box
    return float(x0), float(y0), float(x1), float(y1)


def test_it_is_found_where_it_was_going_and_remembered_so(
    pond: tuple[Session, dict[int, BoolMask]],
) -> None:
    session, truth = pond
    tracked, follower = session._tracks.by_id[1], session._follower
    expect(tracked, truth[1])
    both = ObjectMask.from_mask(truth[1] | truth[2], 1)
    found = look_again(follower, tracked, both, NEWEST)
    assert found is not None
    shown = session.result(NEWEST).objects[1].mask
    assert (shown & truth[1]).sum() / (shown | truth[1]).sum() > 0.6
    assert not (shown & truth[2]).any()
    seen = tracked.slot.evidence[NEWEST].box
    assert seen is not None
    x0, y0, x1, y1 = box_of(shown)
    assert seen == pytest.approx((x0 / 320, y0 / 180, x1 / 320, y1 / 180), abs=0.02)


def test_nothing_changes_where_it_is_in_its_place_or_nobody_knows_it(
    pond: tuple[Session, dict[int, BoolMask]],
) -> None:
    session, truth = pond
    tracked, follower = session._tracks.by_id[2], session._follower
    before = session.result(NEWEST).objects[2].crop
    expect(tracked, truth[2])
    assert look_again(follower, tracked, ObjectMask.from_mask(truth[2], 2), NEWEST) is None
    both = ObjectMask.from_mask(truth[1] | truth[2], 2)
    expect(tracked, truth[2], stable=PLACE_FRAMES - 1)
    assert look_again(follower, tracked, both, NEWEST) is None
    away = np.zeros_like(truth[2])
    away[:40, :10] = True  # a box of which little is in the picture
    expect(tracked, away)
    tracked.memory.resume(NEWEST - 1, _moved_out(tracked)) if tracked.memory else None
    assert look_again(follower, tracked, both, NEWEST) is None
    assert np.array_equal(session.result(NEWEST).objects[2].crop, before)


def _moved_out(tracked: TrackedObject) -> Past:
    assert tracked.memory is not None
    newest = tracked.memory.newest
    assert newest is not None
    outside: Box = (-200.0, 0.0, -150.0, 40.0)
    return Past(Motion.start(outside), PLACE_FRAMES, newest[1].frame_size, (1000,), (), 0, None, outside)
