"""The objects alone: on transparency, on a colour."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import FrameResult, Image, ObjectMask
from streamtrack.offline.cutout_picture import BLEED_PX, cut_out, cut_out_on
from tests.support.exports import BALL, GONE, MASK
from tests.support.recordings import update


def shown(image: Image, *objects: ObjectMask) -> FrameResult:
    result = update(0, image, objects).result
    assert result is not None
    return result


SHOWN = shown(np.full((192, 320, 3), (200, 100, 50), np.uint8), BALL, GONE)


def test_alpha_is_the_mask_and_what_is_far_from_it_is_not_in_the_picture() -> None:
    picture = cut_out(SHOWN)
    assert np.array_equal(picture[..., 3] == 255, MASK)
    assert set(np.unique(picture[..., 3])) == {0, 255}
    assert picture[40, 140].tolist() == [200, 100, 50, 255]
    assert picture[40, 180 + BLEED_PX - 1].tolist() == [200, 100, 50, 0], "the colour bleeds, unseen"
    assert not picture[40, 180 + BLEED_PX + 1 :].any()


def test_off_the_objects_there_is_nothing_but_the_colour() -> None:
    picture = cut_out_on(SHOWN, (0, 255, 0))
    assert (picture[~MASK] == (0, 255, 0)).all()
    assert picture[40, 140].tolist() == [200, 100, 50]


def test_odd_sides_are_cut_and_a_frame_without_objects_is_empty() -> None:
    result = shown(np.full((11, 7, 3), 9, np.uint8))
    assert cut_out(result).shape == (10, 6, 4)
    assert not cut_out(result).any()
