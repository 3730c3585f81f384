"""Memories that are filled with what the network finds of one object."""

from __future__ import annotations

import numpy as np
import pytest

from bench.models import make_tracker
from bench.object_worker import Filling
from bench.scenario import add_objects, make_pictures
from streamtrack.config import TrackingConfig
from streamtrack.tracking import Session, Tracker

FRAMES = 4
pytestmark = pytest.mark.whole_bench


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return make_tracker("nano", device="cpu", image_size=128, compile="off")[0]


def new_session(tracker: Tracker, objects: int) -> Session:
    session = tracker.new_session(TrackingConfig(max_objects=objects, window="off"))
    add_objects(session, objects)
    return session


def test_filled_sessions_go_on_as_if_they_had_seen_the_pictures(tracker: Tracker) -> None:
    pictures = make_pictures(FRAMES + 1)
    filling = Filling(tracker.model.network, pictures[:FRAMES])
    one, several, plain = new_session(tracker, 1), new_session(tracker, 3), new_session(tracker, 1)
    filling.fill(one)
    filling.fill(several)
    for picture in pictures[:FRAMES]:
        plain.step(picture)
    found, expected = one.step(pictures[FRAMES]).objects[0], plain.step(pictures[FRAMES]).objects[0]
    assert found.box == expected.box
    assert found.object_score == expected.object_score
    np.testing.assert_array_equal(found.crop, expected.crop)
    # Each of several remembers its own first frame and the first one's others.
    scores = [one.object_score for one in several.step(pictures[FRAMES]).objects.values()]
    assert scores[0] == pytest.approx(found.object_score, abs=1e-4)  # a batch of three: sums in another order
    assert len(set(scores)) == 3
