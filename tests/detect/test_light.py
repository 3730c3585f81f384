"""A picture in another light is the same picture again, whatever moves in it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamtrack.detect.light import as_lit
from streamtrack.frame import Image

GROUND = np.random.default_rng(3).integers(70, 170, (120, 160, 3)).astype(np.uint8)
MOVING = np.s_[20:80, 30:100]


def lit(image: Image, contrast: float, offset: float) -> Image:
    return np.asarray(np.clip(contrast * image.astype(np.float32) + offset, 0, 255), np.uint8)


def off(image: Image, other: Image, where: NDArray[np.bool_] | None = None) -> float:
    """Mean difference, in levels."""
    difference = np.abs(image.astype(np.int16) - other).mean(axis=2)
    return float(difference.mean() if where is None else difference[where].mean())


@pytest.mark.parametrize(("contrast", "offset"), [(1.0, -40.0), (0.6, 0.0), (0.8, -31.0), (1.2, 10.0)])
def test_most_of_an_exposure_is_taken_away(contrast: float, offset: float) -> None:
    shown = lit(GROUND, contrast, offset)
    assert off(as_lit(shown, GROUND), GROUND) < 0.25 * off(shown, GROUND)


def test_what_moves_stays_what_it_is_and_tells_nothing_of_the_light() -> None:
    shown = GROUND.copy()
    shown[MOVING] = 250
    here = np.zeros(GROUND.shape[:2], np.bool_)
    here[MOVING] = True
    darker = lit(shown, 0.7, -10)
    again = as_lit(darker, GROUND)
    assert off(again, GROUND, ~here) < 0.25 * off(darker, GROUND, ~here)
    assert off(again, GROUND, here) > 60


def test_each_channel_has_its_own_light() -> None:
    warmer = GROUND.copy()
    warmer[..., 0] = lit(GROUND, 1.0, 30)[..., 0]
    assert off(as_lit(warmer, GROUND), GROUND) < 0.25 * off(warmer, GROUND)


def test_same_light_and_a_plain_picture_are_left_alone() -> None:
    assert np.array_equal(as_lit(GROUND, GROUND), GROUND)
    plain = np.full((64, 64, 3), 90, np.uint8)
    assert np.array_equal(as_lit(plain, plain), plain)


def test_lorry_that_fills_most_of_the_picture_is_no_other_light() -> None:
    shown = GROUND.copy()
    shown[:, 56:] = 200
    assert np.array_equal(as_lit(shown, GROUND), shown)
