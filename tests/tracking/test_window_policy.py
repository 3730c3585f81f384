"""Where to look next: a pure decision on numbers."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.engine.view import View
from streamtrack.tracking.window_policy import ObjectWindow, WindowRules, extent_of

SIZE = (480, 854)
RULES = WindowRules(factor=2.0, least_px=40.0)


def window(rules: WindowRules = RULES) -> ObjectWindow:
    return ObjectWindow(rules, history=32)


def box_at(x: float, y: float, side: float = 40.0) -> tuple[float, float, float, float]:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def test_nothing_known_is_the_whole_picture() -> None:
    assert window().view(0, SIZE) is None


def test_a_window_is_so_many_times_the_object_and_round_it() -> None:
    view = RULES.around(box_at(300, 200), SIZE)
    assert view == View(260, 160, 80, 80)
    assert RULES.around(box_at(300, 200, 4), SIZE) == View(280, 180, 40, 40)
    wide = WindowRules(factor=2.0, least_px=40.0, aspect=2.0).around((260, 190, 340, 210), SIZE)
    assert wide == View(220, 160, 160, 80)


def test_a_large_object_is_looked_for_in_the_whole_picture_unless_windows_are_asked_for() -> None:
    large = box_at(400, 240, 460)
    assert RULES.around(large, SIZE) is None
    always = WindowRules(factor=2.0, only_small=False).around(large, SIZE)
    assert always is not None
    assert always.height == 854


def test_the_window_runs_ahead_of_what_moves_and_is_wider() -> None:
    moving = window()
    for key in range(4):
        moving.note(key, box_at(100 + 10 * key, 200), SIZE)
    view = moving.view(4, SIZE)
    assert view is not None
    assert view.centre[0] == pytest.approx(140, abs=1)
    still = window()
    for key in range(4):
        still.note(key, box_at(130, 200), SIZE)
    at_rest = still.view(4, SIZE)
    assert at_rest is not None
    assert view.height > at_rest.height


def test_a_jump_is_rather_another_mask_and_is_not_run_after() -> None:
    jumping = window()
    jumping.note(0, box_at(100, 200), SIZE)
    jumping.note(1, box_at(400, 200), SIZE)
    view = jumping.view(2, SIZE)
    assert view is not None
    assert view.centre[0] <= 420


def test_the_size_follows_at_once() -> None:
    growing = window()
    growing.note(0, box_at(300, 200, 40), SIZE)
    growing.note(1, box_at(300, 200, 80), SIZE)
    view = growing.view(2, SIZE)
    assert view is not None
    assert view.height >= 160


def test_a_hidden_object_is_looked_for_ever_wider_then_everywhere() -> None:
    hidden = window()
    hidden.note(0, box_at(300, 200), SIZE)
    heights = []
    for key in range(1, 80):
        hidden.note(key, None, SIZE)
        view = hidden.view(key + 1, SIZE)
        heights.append(None if view is None else view.height)
    assert heights[0] is not None
    looks = [index for index, height in enumerate(heights[:24]) if height is None]
    assert looks, "the whole picture is looked at now and then"
    grown = [height for height in heights if height is not None]
    assert grown == sorted(grown)
    assert grown[-1] > 3 * grown[0]
    assert heights[-1] is None
    hidden.note(80, box_at(700, 100), SIZE)
    found = hidden.view(81, SIZE)
    assert found is not None
    assert found.centre == pytest.approx((700, 100), abs=1)


def test_it_is_known_for_how_long_it_was_not_seen() -> None:
    hidden = window()
    assert hidden.hidden(0) == 0
    hidden.note(0, box_at(300, 200), SIZE)
    for key in range(1, 4):
        assert hidden.hidden(key) == key - 1
        hidden.note(key, None, SIZE)
    hidden.note_cut(4)
    assert hidden.hidden(4) == 0, "of another scene nothing is known"
    assert hidden.hidden(3) == 2


def test_a_correction_forgets_what_came_after_and_the_rest_is_bounded() -> None:
    long = ObjectWindow(RULES, history=8)
    for key in range(100):
        long.note(key, box_at(100 + key, 200), SIZE)
    assert len(long._seen) == 8
    before = long.view(97, SIZE)
    long.restart(97)
    assert long.view(97, SIZE) == before
    long.note(97, box_at(500, 300), SIZE)
    moved = long.view(98, SIZE)
    assert moved is not None
    assert moved.centre[0] > 450


def test_a_frame_that_tells_nothing_leaves_the_window_where_it_is() -> None:
    held = window()
    held.note(0, box_at(300, 200), SIZE)
    before = held.view(1, SIZE)
    held.hold(1, SIZE)
    assert held.view(2, SIZE) == before


def test_a_picture_of_another_size_shows_the_same() -> None:
    scaled = window()
    scaled.note(0, box_at(300, 200), SIZE)
    view = scaled.view(1, (960, 1708))
    assert view is not None
    assert view.centre == (600, 400)
    assert view.height == 160


def test_the_extent_leaves_out_stray_pixels() -> None:
    crop = np.zeros((50, 100), np.bool_)
    crop[10:40, 20:60] = True
    crop[0, 99] = True
    assert extent_of(crop, (100, 200, 200, 250)) == (120, 210, 160, 240)
    assert extent_of(np.zeros((0, 0), np.bool_), (0, 0, 0, 0)) is None
    assert extent_of(np.ones((1, 1), np.bool_), (7, 8, 8, 9)) == (7, 8, 8, 9)


def test_hidden_for_hours_it_is_still_looked_for() -> None:
    hidden = window()
    hidden.note(0, box_at(300, 200), SIZE)
    for key in range(1, 20_003):
        hidden.note(key, None, SIZE)
    assert hidden.view(20_003, SIZE) is None
