"""What cannot be an object is taken out of its mask, and who hides is expected where it has to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.view import View
from streamtrack.frame import Image
from streamtrack.tracking.colours import colours_of
from streamtrack.tracking.finding_again import bodies_of, expect, refuse
from streamtrack.tracking.kalman import Box
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.memory_rules import MemoryRules, Sight
from streamtrack.tracking.memory_watch import MemoryWatch

SIZE = 180, 320
VIEW = View.whole(SIZE)
RED, GREEN, GREY = (200, 40, 40), (40, 140, 50), (150, 150, 150)
NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)


def picture(*things: tuple[Box, tuple[int, int, int]]) -> Image:
    image = np.empty((*SIZE, 3), np.uint8)
    image[:] = GREEN
    for box, colour in things:
        x0, y0, x1, y1 = (round(value) for value in box)
        image[max(0, y0) : y1, max(0, x0) : x1] = colour
    return image


def logits_of(*boxes: Box) -> NDArray[np.float32]:
    """(90, 160), two pixels a cell."""
    logits = np.full((90, 160), -5.0, np.float32)
    for x0, y0, x1, y1 in boxes:
        logits[round(y0 / 2) : round(y1 / 2), round(x0 / 2) : round(x1 / 2)] = 5.0
    return logits


def at(x: float, y: float = 80.0) -> Box:
    return x, y, x + 20, y + 40


def sight(box: Box | None, stranger: Box | None = None) -> Sight:
    area = 0 if box is None else round((min(box[2], 320) - box[0]) * (box[3] - box[1]))
    look = None
    if box is not None:
        x0, y0, x1, y1 = (round(value) for value in box)
        crop = np.ones((y1 - y0, min(x1, 320) - x0), np.bool_)
        colours = colours_of(picture((box, RED)), crop, (x0, y0, min(x1, 320), y1))
        look = KnownLook(np.array([1.0, 0.0], np.float32), colours)
    shown = None if box is None else (box[0], box[1], min(box[2], 320.0), box[3])
    return Sight(0.99 if shown else 0.01, 0.9, 1.0, look, shown, area, SIZE, stranger=stranger)


def walked(until: float, pace: float = 5.0, hidden: int = 1) -> tuple[MemoryWatch, int]:
    """One who goes right from 100, and is hidden once at `until`; and the next key."""
    watch, key, x = MemoryWatch(MemoryRules(), history=64), 0, 100.0
    while x < until:
        watch.judge(key, sight(at(x)), prompted=key == 0)
        key, x = key + 1, x + pace
    for _ in range(hidden):
        watch.judge(key, sight(None))
        key += 1
    return watch, key


def test_nothing_is_refused_of_who_is_in_sight() -> None:
    watch, key = walked(200, hidden=0)
    assert refuse(watch, key, logits_of(at(200), at(20)), None, SIZE) is None


def test_who_comes_in_at_once_is_not_who_just_left() -> None:
    watch, key = walked(318)
    refused = refuse(watch, key, logits_of(at(296)), None, SIZE)
    assert refused is not None
    assert not refused.left
    assert not (refused.logits > 0).any()
    assert refused.stranger == at(296)


def test_of_two_the_one_stays_that_can_be_it() -> None:
    watch, key = walked(318, hidden=20)
    refused = refuse(watch, key, logits_of(at(300), at(120, 60)), None, SIZE)
    assert refused is not None
    assert refused.left
    assert np.array_equal(refused.logits > 0, logits_of(at(300)) > 0)


def test_who_comes_out_from_behind_something_is_where_it_goes() -> None:
    watch, key = walked(200, hidden=6)
    place = watch.hiding_place(key, SIZE)
    assert place is not None
    assert abs(place[0] - (200 + 5 * 6)) < 6
    refused = refuse(watch, key, logits_of((150, 80, 250, 120)), None, SIZE)
    assert refused is not None
    shown = bodies_of(refused.logits > 0, VIEW)
    assert len(shown) == 1
    assert shown[0].box[0] >= place[0] - 10
    elsewhere = logits_of(at(40))
    assert refuse(watch, key, elsewhere, None, SIZE) is None, "it may have turned round: looks have to tell"


def test_it_is_expected_where_its_colours_show() -> None:
    watch, key = walked(200, hidden=6)
    hidden = picture((at(230), GREY))
    assert expect(watch, key, hidden, NOWHERE, SIZE) is None
    half: Box = (240.0, 80.0, 250.0, 120.0)
    shows = picture((at(230), GREY), (half, RED))
    expected = expect(watch, key, shows, NOWHERE, SIZE)
    assert expected is not None
    assert np.abs(np.array(expected.shown.box) - half).max() <= 2
    crop, box = np.ones((40, 10), np.bool_), (240, 80, 250, 120)
    assert expected.is_it(crop, box, 0.8)
    assert not expected.is_it(crop, box, 0.3), "the network does not believe it"
    assert not expected.is_it(np.ones((40, 10), np.bool_), (228, 80, 238, 120), 0.8), "what hides it"
    assert not expected.is_it(np.ones((40, 60), np.bool_), (240, 80, 300, 120), 0.8), "far too large"
    assert expect(watch, key, shows, watch.hiding_place(key, SIZE) or NOWHERE, SIZE) is None, "it is there"


def test_it_is_expected_at_the_border_over_which_it_went() -> None:
    watch, key = walked(318, hidden=20)
    comes = picture(((308.0, 84.0, 320.0, 118.0), RED))
    expected = expect(watch, key, comes, NOWHERE, SIZE)
    assert expected is not None
    assert expected.shown.box[0] >= 300
    early, at_once = walked(318)
    assert expect(early, at_once, comes, NOWHERE, SIZE) is None


def test_specks_are_no_bodies() -> None:
    bodies = bodies_of(logits_of(at(100), (10, 10, 14, 14)) > 0, VIEW)
    assert [body.box for body in bodies] == [at(100)]
    assert bodies_of(np.zeros((4, 4), np.bool_), VIEW) == []
