"""Who went out over a border is outside for a while, and who showed inside meanwhile is somebody else."""

from __future__ import annotations

import pytest

from streamtrack.tracking.kalman import Box, Motion
from streamtrack.tracking.whereabouts import LONGEST_AWAY, NOWHERE, STRANGER_FRAMES, Whereabouts

SIZE = 180, 320


def at(x: float, y: float = 80.0) -> Box:
    return x, y, x + 20, y + 40


def went_right(pace: float = 5.0) -> Whereabouts:
    """It went over the right border, and is hidden for the first time."""
    where, motion = NOWHERE, Motion.start(at(200))
    for step in range(1, 40):
        box = at(200 + pace * step)
        motion = motion.predict().update(box)
        shown = box[0], box[1], min(box[2], 320.0), box[3]
        where = where.seen(shown, motion, SIZE, whole=box[2] <= 320)
        if box[0] >= 318:
            break
    return where.hidden(None)


def test_it_is_outside_once_it_went_over_a_border() -> None:
    where = went_right()
    assert (where.leaving, where.away) == (True, 1)
    assert where.hidden(None).away == 2
    standing = NOWHERE.seen((300, 80, 320, 120), Motion.start(at(300)), SIZE, whole=True)
    assert not standing.leaving
    assert standing.hidden(None).away == 0


def test_it_is_back_no_sooner_than_it_could_be_and_over_a_border() -> None:
    where = went_right()
    # Out by its own 40 pixels and back, at 5 a frame.
    assert where.least_away == pytest.approx(16, abs=1)
    assert where.refuses(at(290), SIZE)
    for _ in range(16):
        where = where.hidden(None)
    assert not where.refuses(at(290), SIZE)
    assert not where.refuses(at(2), SIZE), "round the picture, say"
    assert where.refuses(at(140, 70), SIZE), "nobody appears in the middle"
    for _ in range(LONGEST_AWAY):
        where = where.hidden(None)
    assert not where.refuses(at(140, 70), SIZE), "by then it may have come in unseen"


def test_a_stranger_stays_one_for_as_long_as_it_can_be_followed() -> None:
    where = went_right()
    for step in range(20):
        assert where.refuses(at(290 - 4 * step), SIZE)
        where = where.hidden(at(290 - 4 * step))
    assert where.refuses(at(290 - 4 * 20), SIZE)
    assert not where.refuses(at(295), SIZE), "the other one"
    hidden = where
    for _ in range(3):
        hidden = hidden.hidden(None)
    assert hidden.refuses(at(290 - 4 * 23), SIZE)
    for _ in range(STRANGER_FRAMES):
        hidden = hidden.hidden(None)
    assert hidden.stranger is None


def test_what_was_taken_for_the_object_itself_is_no_stranger() -> None:
    where = went_right().hidden(at(250))
    assert where.seen(at(60), None, SIZE, whole=True).refuses(at(250), SIZE)
    assert not where.seen(at(252), None, SIZE, whole=True).refuses(at(252), SIZE)


def test_the_door_is_where_it_went_once_it_can_be_back() -> None:
    where = went_right()
    last: Box = (318.0, 80.0, 320.0, 120.0)
    assert where.door(last, SIZE) is None
    for _ in range(16):
        where = where.hidden(None)
    assert where.door(last, SIZE) == pytest.approx((279, 60, 320, 140), abs=1)


def test_hidden_inside_it_is_along_its_way() -> None:
    motion = Motion.start(at(100))
    for step in range(1, 12):
        motion = motion.predict().update(at(100 + 4 * step))
    where = NOWHERE.seen(at(144), motion, SIZE, whole=True).hidden(None)
    assert where.away == 0
    assert where.door(at(144), SIZE) is None
    assert not where.refuses(at(10), SIZE), "looks may tell, its place does not"
    assert where.far(at(144), at(144), 20) == 0
    assert where.far(at(144 + 80), at(144), 20) < 0.1
    assert where.far(at(144 - 200), at(144), 20) > 1
    assert NOWHERE.far(at(144 - 200), at(144), 20) < 1, "nobody knows its way"
