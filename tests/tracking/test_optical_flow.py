"""Flow and warping between key frames, on pictures whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.frame import Image
from streamtrack.tracking import optical_flow as carry

SIZE = (180, 320)
SHIFT = (6, -4)
"""x, y in pixels from each picture to the next."""


def shifted(steps: int) -> Image:
    """A smooth texture after `steps` shifts."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    x, y = x - steps * SHIFT[0], y - steps * SHIFT[1]
    grey = 128 + 50 * np.sin(x / 9) * np.cos(y / 7) + 40 * np.sin(x / 23 + y / 17)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def greys() -> list[carry.Grey]:
    return [carry.to_grey(shifted(step)) for step in range(4)]


def test_points_are_found_where_they_lay(greys: list[carry.Grey]) -> None:
    [(x, y)] = carry.move_points([(160, 90)], carry.Tracer().trace(greys), SIZE)
    # Flow on a picture of 256 pixels is good to a pixel of it, 1.3 of these.
    assert (x, y) == pytest.approx((160 - 3 * SHIFT[0], 90 - 3 * SHIFT[1]), abs=1.3)


def test_points_stay_inside_the_frame(greys: list[carry.Grey]) -> None:
    for x, y in carry.move_points([(0, 0), (319.9, 179.9), (1, 179)], carry.Tracer().trace(greys), SIZE):
        assert 0 <= x < SIZE[1]
        assert 0 <= y < SIZE[0]


def test_box_moves_with_what_it_holds(greys: list[carry.Grey]) -> None:
    box = carry.move_box((120, 60, 200, 120), carry.Tracer().trace(greys), SIZE)
    moved = [at - 3 * shift for at, shift in zip((120, 60, 200, 120), SHIFT * 2, strict=True)]
    assert box == pytest.approx(moved, abs=1.3)


def test_logits_and_masks_are_carried_there_and_back(greys: list[carry.Grey]) -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    first = (abs(x - 160) < 40) & (abs(y - 90) < 25)
    last = np.roll(first, (3 * SHIFT[1], 3 * SHIFT[0]), (0, 1))
    there = carry.look_up(np.where(first, 8, -8).astype(np.float32), carry.Tracer().trace(greys)) > 0
    back = carry.move_mask(last, carry.Tracer().trace(greys[::-1]))
    for found, truth in ((there, last), (back, first)):
        assert (found & truth).sum() / (found | truth).sum() > 0.93


def test_still_pictures_carry_exactly(greys: list[carry.Grey]) -> None:
    values = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    np.testing.assert_allclose(carry.look_up(values, carry.IDENTITY), values, atol=1e-4)
    assert abs(carry.Tracer().trace([greys[0]] * 3) - carry.IDENTITY).max() < 0.01
