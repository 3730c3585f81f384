"""Masks stay on the body that they were on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamtrack.engine.view import View
from streamtrack.frame import BoolMask
from streamtrack.tracking.one_body import OneBody
from streamtrack.tracking.outline import moved, outline_of

VIEW = View(100, 50, 128, 128)
"""Two pixels of the picture in a cell."""

SIZE = 480, 640

Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1 in cells of `VIEW`."""


def mask_of(*rectangles: Rectangle) -> BoolMask:
    mask = np.zeros((64, 64), np.bool_)
    for x0, y0, x1, y1 in rectangles:
        mask[y0:y1, x0:x1] = True
    return mask


def logits_of(*rectangles: Rectangle) -> NDArray[np.float32]:
    return np.where(mask_of(*rectangles), np.float32(5), np.float32(-5))


def walker(step: int) -> Rectangle:
    """A person who goes two cells to the right a frame."""
    return 10 + 2 * step, 20, 18 + 2 * step, 44


def note(body: OneBody, key: int, *rectangles: Rectangle, prompted: bool = False) -> bool:
    """Note a mask in pixels of the picture, as sessions do."""
    rows, columns = np.nonzero(mask_of(*rectangles))
    x0, y0, x1, y1 = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    crop = np.kron(mask_of(*rectangles)[y0:y1, x0:x1], np.ones((2, 2), np.bool_))
    return body.note(
        key, crop, (100 + 2 * x0, 50 + 2 * y0, 100 + 2 * x1, 50 + 2 * y1), SIZE, prompted=prompted
    )


def walked(num_frames: int) -> OneBody:
    body = OneBody(history=32)
    for key in range(num_frames):
        assert note(body, key, walker(key))
    return body


def kept(body: OneBody, key: int, *rectangles: Rectangle) -> BoolMask:
    logits = logits_of(*rectangles)
    changed = body.keep(key, logits, VIEW, SIZE)
    return (logits if changed is None else changed) > 0


def test_a_second_body_beside_it_goes() -> None:
    other = (45, 20, 53, 44)
    np.testing.assert_array_equal(kept(walked(4), 4, walker(4), other), mask_of(walker(4)))


def test_the_one_stays_that_lies_where_it_is_expected_even_if_the_other_is_larger() -> None:
    other = (40, 2, 60, 60)
    np.testing.assert_array_equal(kept(walked(4), 4, walker(4), other), mask_of(walker(4)))


def test_what_has_grown_together_is_cut_to_its_own_outline_moved_on() -> None:
    x0, y0, x1, y1 = walker(4)
    left = kept(walked(4), 4, (x0, y0, x1 + 14, y1))
    assert left[mask_of(walker(4))].all()
    assert left.sum() < 1.8 * mask_of(walker(4)).sum()


def test_pieces_of_it_that_something_thin_parts_stay() -> None:
    x0, y0, x1, y1 = walker(4)
    pieces = (x0, y0, x1, 30), (x0, 33, x1, y1)
    np.testing.assert_array_equal(kept(walked(4), 4, *pieces), mask_of(*pieces))


@pytest.mark.parametrize("grown", [1.1, 1.5, 2.0])
def test_what_comes_nearer_stays_whole(grown: float) -> None:
    body = OneBody(history=32)
    assert note(body, 0, (24, 16, 40, 48))
    half_width, half_height = round(8 * grown), round(16 * grown)
    nearer = (32 - half_width, 32 - half_height, 32 + half_width, 32 + half_height)
    np.testing.assert_array_equal(kept(body, 1, nearer), mask_of(nearer))
    assert note(body, 1, nearer)


def test_a_mask_of_more_is_not_remembered_until_it_stays() -> None:
    body = walked(4)
    together = [(walker(key), (walker(key)[2], 20, walker(key)[2] + 8, 44)) for key in range(40)]
    told = [note(body, key, *together[key % 10]) for key in range(4, 24)]
    assert not told[0]
    assert told[-1]


def test_it_is_known_again_behind_a_meeting() -> None:
    body = walked(4)
    for key in (4, 5, 6):
        x0, y0, x1, y1 = walker(key)
        assert not note(body, key, (x0 - 2, y0, x1 + 6, y1))
    back = (2, 20, 10, 44)
    np.testing.assert_array_equal(kept(body, 7, walker(7), back), mask_of(walker(7)))


def test_a_neighbour_that_comes_in_bit_by_bit_is_not_taken_in() -> None:
    body = walked(4)
    for key in range(4, 12):
        x0, y0, x1, y1 = walker(key)
        # One beside it goes along, and more of them is in the mask on every frame.
        left = kept(body, key, (x0, y0, x1 + min(8, 2 * (key - 3)), y1))
        rows, columns = np.nonzero(left)
        seen = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
        note(body, key, seen)
        assert left.sum() <= 1.45 * mask_of(walker(key)).sum(), key


def walkers_beside() -> tuple[OneBody, OneBody]:
    """Two who go side by side, five cells apart."""
    one, other = OneBody(history=32), OneBody(history=32)
    for key in range(4):
        x0, y0, x1, y1 = walker(key)
        note(one, key, (x0, y0, x1, y1))
        note(other, key, (x0 + 13, y0, x1 + 13, y1))
    return one, other


def test_what_lies_where_another_is_expected_goes_however_little_it_is() -> None:
    one, other = walkers_beside()
    beside, x0 = other.placed(4, SIZE), walker(4)[0]
    assert beside is not None
    assert beside.box == pytest.approx((100 + 2 * (x0 + 13), 90, 100 + 2 * (x0 + 21), 138), abs=2)
    foot = (x0 + 13, 42, x0 + 17, 44)
    logits = logits_of(walker(4), foot)
    assert one.keep(4, logits, VIEW, SIZE) is None
    changed = one.keep(4, logits, VIEW, SIZE, [beside])
    assert changed is not None
    np.testing.assert_array_equal(changed > 0, mask_of(walker(4)))
    assert one.keep(4, logits_of(walker(4)), VIEW, SIZE, [beside]) is None


def test_who_goes_on_where_another_is_expected_stays_whole() -> None:
    one, x0 = walkers_beside()[0], walker(4)[0]
    standing = OneBody(history=32)
    for key in range(4):
        note(standing, key, (x0 + 2, 20, x0 + 10, 44))
    before = standing.placed(4, SIZE)
    assert before is not None
    assert one.keep(4, logits_of(walker(4)), VIEW, SIZE, [before]) is None


def test_who_knows_better_says_how_it_has_been_since() -> None:
    body = walked(4)
    for key in (4, 5):
        x0, y0, x1, y1 = walker(key)
        note(body, key, (x0, y0, x1 + 2, y1))
    x0, y0, x1, y1 = walker(4)
    crop = np.ones((2 * (y1 - y0), 2 * (x1 - x0)), np.bool_)
    body.tell(4, crop, (100 + 2 * x0, 50 + 2 * y0, 100 + 2 * x1, 50 + 2 * y1), SIZE)
    known = [body.last(key) for key in (4, 5)]
    assert [one[1].usual_px for one in known if one is not None] == [4 * 192.0] * 2
    assert body.box(4) == pytest.approx((100 + 2 * x0, 90, 100 + 2 * x1, 138))


def test_its_box_is_its_own_where_the_mask_is_of_more() -> None:
    body = walked(4)
    x0, y0, x1, y1 = walker(4)
    both = x0, y0, x1 + 12, y1
    kept(body, 4, both)
    note(body, 4, both)
    box = body.box(4)
    assert box is not None
    assert box == pytest.approx((100 + 2 * x0, 50 + 2 * y0, 100 + 2 * x1, 50 + 2 * y1), abs=6)
    assert body.box(5) is None


def test_nothing_is_cut_where_it_has_gone_elsewhere() -> None:
    elsewhere = (48, 2, 60, 40)
    np.testing.assert_array_equal(kept(walked(4), 4, elsewhere), mask_of(elsewhere))


def test_nothing_is_known_of_who_was_long_hidden_or_never_seen() -> None:
    both = walker(4), (45, 20, 53, 44)
    np.testing.assert_array_equal(kept(walked(4), 20, *both), mask_of(*both))
    np.testing.assert_array_equal(kept(OneBody(history=32), 0, *both), mask_of(*both))


def test_a_prompt_says_what_it_is_and_a_correction_forgets_what_came_after() -> None:
    body, both = walked(4), (walker(4), (45, 20, 53, 44))
    assert note(body, 4, *both, prompted=True)
    np.testing.assert_array_equal(kept(body, 5, *both), mask_of(*both))
    body.restart(4)
    np.testing.assert_array_equal(kept(body, 4, *both), mask_of(walker(4)))


def test_behind_a_scene_cut_it_may_be_anywhere() -> None:
    body, both = walked(4), (walker(4), (45, 20, 53, 44))
    body.note_cut(4)
    np.testing.assert_array_equal(kept(body, 4, *both), mask_of(*both))
    assert note(body, 4, *both)
    np.testing.assert_array_equal(kept(body, 3, walker(3), both[1]), mask_of(walker(3)))


def test_in_a_picture_of_another_size_it_may_be_anywhere() -> None:
    logits = logits_of(walker(4), (45, 20, 53, 44))
    assert walked(4).keep(4, logits, VIEW, SIZE) is not None
    assert walked(4).keep(4, logits, VIEW, (960, 1280)) is None


def test_of_frames_that_cannot_be_corrected_nothing_is_kept() -> None:
    assert len(walked(10)._known) == 10
    body = OneBody(history=3)
    for key in range(10):
        note(body, key, walker(key))
    assert sorted(body._known) == [7, 8, 9]


def test_an_outline_is_shown_by_another_view_where_it_lies() -> None:
    outline = outline_of(mask_of((20, 20, 30, 40)), VIEW)
    assert outline.middle == (150.0, 110.0)
    assert outline.area_px == 800.0
    wider = View(80, 40, 192, 192)
    shown = outline_of(moved(outline, (160.0, 116.0), 1.5, (64, 64), wider), wider)
    assert shown.middle == pytest.approx((160.0, 116.0), abs=2.0)
    assert shown.area_px == pytest.approx(1800.0, rel=0.1)
