"""Colours from top to bottom, of figures made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.frame import BoolMask, Image
from streamtrack.tracking.colours import MOST_PX, colours_alike, colours_of, where_it_shows

RED, BLUE, BLACK = (200, 30, 30), (40, 60, 210), (15, 15, 15)
BOX = (10, 6, 30, 66)


def figure(*bands: tuple[int, int, int], light: float = 1.0) -> tuple[Image, BoolMask]:
    """A figure of bands before noise, and its mask in BOX."""
    image = np.random.default_rng(3).integers(0, 255, (80, 50, 3)).astype(np.uint8)
    x0, y0, x1, y1 = BOX
    height = (y1 - y0) // len(bands)
    for band, colour in enumerate(bands):
        image[y0 + band * height : y0 + (band + 1) * height, x0:x1] = (np.array(colour) * light).astype(
            np.uint8
        )
    return image, np.ones((y1 - y0, x1 - x0), np.bool_)


def alike(first: tuple[Image, BoolMask], second: tuple[Image, BoolMask]) -> float:
    one, other = colours_of(*first, BOX), colours_of(*second, BOX)
    assert one is not None
    assert other is not None
    return colours_alike(one, other)


def test_same_figure_is_alike_whatever_is_behind_it() -> None:
    first, second = figure(BLACK, RED, BLUE), figure(BLACK, RED, BLUE)
    second[0][:, 40:] = 0
    assert alike(first, second) == pytest.approx(1)


def test_one_band_of_another_colour_makes_it_another() -> None:
    assert alike(figure(BLACK, RED, BLUE), figure(BLACK, BLUE, BLUE)) == 0
    assert alike(figure(BLACK, RED, BLUE), figure(BLUE, RED, BLACK)) == 0


def test_band_that_is_not_seen_says_nothing() -> None:
    image, mask = figure(BLACK, RED, BLUE)
    half = mask.copy()
    half[40:] = False
    assert alike((image, mask), (image, half)) == pytest.approx(1)


def test_empty_mask_has_no_colours() -> None:
    image, mask = figure(RED)
    assert colours_of(image, ~mask, BOX) is None


def test_colours_show_where_they_are_more_than_around() -> None:
    image, mask = figure(RED)
    known = colours_of(image, mask, BOX)
    assert known is not None
    ground = np.full((80, 120, 3), 90, np.uint8)
    ground[20:60, 60:66] = RED
    shown = where_it_shows(ground, (50, 15, 80, 65), [known])
    assert shown is not None
    assert shown.box == pytest.approx((60, 20, 66, 60), abs=1)
    assert shown.share(np.ones((40, 6), np.bool_), (60, 20, 66, 60)) == pytest.approx(1)
    assert shown.share(np.ones((40, 12), np.bool_), (60, 20, 72, 60)) == pytest.approx(0.5)
    assert shown.share(np.ones((4, 4), np.bool_), (0, 0, 4, 4)) == 0
    assert where_it_shows(ground, (50, 15, 80, 65), [np.zeros_like(known)]) is None
    ground[:] = RED
    assert where_it_shows(ground, (50, 15, 80, 65), [known]) is None, "it is the ground's colour"
    assert where_it_shows(ground, (-40, 0, -20, 10), [known]) is None


def test_colours_come_in_steps_that_a_byte_holds() -> None:
    known = colours_of(*figure(BLACK, RED, BLUE), BOX)
    assert known is not None
    stepped = (known * 255).round().astype(np.uint8).astype(np.float32) / np.float32(255)
    assert np.array_equal(stepped, known)


@pytest.mark.parametrize("times", [1, 12])
def test_round_a_large_place_some_pixels_tell_the_same(times: int) -> None:
    image, mask = figure(RED)
    large = image.repeat(times, axis=0).repeat(times, axis=1)
    whole = mask.repeat(times, axis=0).repeat(times, axis=1)
    x0, y0, x1, y1 = (times * value for value in BOX)
    known = colours_of(large, whole, (x0, y0, x1, y1))
    assert known is not None
    large[y0 : (y0 + y1) // 2, x0:x1] = BLUE
    shown = where_it_shows(large, (x0, y0, x1, y1), [known])
    assert shown is not None
    assert (shown.step > 1) is (times > 1), "what is looked at is bounded"
    assert shown.own.size <= MOST_PX
    lower = x0, (y0 + y1) // 2, x1, y1
    assert np.abs(np.array(shown.box) - lower).max() <= 2 * shown.step
    assert shown.area_px == pytest.approx((x1 - x0) * (y1 - y0) / 2, rel=0.1)
    assert shown.share(whole, (x0, y0, x1, y1)) == pytest.approx(0.5, abs=0.06)
    assert shown.share(whole[: whole.shape[0] // 2], (x0, lower[1], x1, y1)) == pytest.approx(1, abs=0.06)
    assert shown.share(whole, (-x1, -y1, -x0, -y0)) == 0
