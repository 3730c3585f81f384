"""Windows of a picture: there and back again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import OUTSIDE_LOGIT, View, change_view

RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (40, 60, 3), np.uint8)
VIEWS = [
    View(10, 5, 20, 30),
    View(-7, -9, 20, 20),
    View(50, 30, 25, 25),
    View(-10, -10, 90, 70),
    View(70, 50, 8, 8),
    View(-30, 10, 12, 6),
]


@pytest.mark.parametrize("view", VIEWS)
def test_a_cut_shows_the_picture_and_goes_on_with_its_border(view: View) -> None:
    rows = np.clip(np.arange(view.y0, view.y0 + view.height), 0, 39)
    columns = np.clip(np.arange(view.x0, view.x0 + view.width), 0, 59)
    expected = PICTURE[np.ix_(rows, columns)]
    found = view.cut(PICTURE)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(view.cut_tensor(torch.from_numpy(PICTURE)).numpy(), expected)


@pytest.mark.parametrize("view", VIEWS)
def test_a_mask_goes_into_a_window_and_back(view: View) -> None:
    mask = RNG.random((40, 60)) > 0.5
    crop, (x0, y0, x1, y1) = view.to_picture(view.mask(mask), (0, 0, view.width, view.height), (40, 60))
    assert crop.shape == (max(0, y1 - y0), max(0, x1 - x0))
    if crop.size:
        assert 0 <= x0 < x1 <= 60
        assert 0 <= y0 < y1 <= 40
        np.testing.assert_array_equal(crop, mask[y0:y1, x0:x1])


def test_a_prompt_is_told_in_pixels_of_the_window_and_only_what_it_shows() -> None:
    view = View(10, 5, 20, 30)
    coords = np.array([[12, 6], [45, 20], [20, 20], [40, 38]], np.float32)
    prompt = CheckedPrompt(coords, np.array([2, 3, 1, 0], np.int32), None, (40, 60))
    shown = view.prompt(prompt)
    assert shown is not None
    assert shown.frame_size == (30, 20)
    assert shown.labels.tolist() == [2, 3, 1]
    assert shown.coords.tolist() == [[2, 1], [20, 15], [10, 15]]
    far = CheckedPrompt(np.array([[50, 2]], np.float32), np.array([0], np.int32), None, (40, 60))
    assert view.prompt(far) is None
    mask = np.zeros((40, 60), np.bool_)
    mask[6, 11] = True
    no_points = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    shown = view.prompt(CheckedPrompt(*no_points, mask, (40, 60)))
    assert shown is not None
    assert shown.mask is not None
    assert np.argwhere(shown.mask).tolist() == [[1, 1]]
    assert View(30, 20, 8, 8).prompt(CheckedPrompt(*no_points, mask, (40, 60))) is None


def test_logits_of_one_window_are_told_in_another() -> None:
    seen, wanted = View(0, 0, 32, 32), View(16, 8, 32, 32)
    logits = torch.full((1, 32, 32), -5.0)
    logits[0, 10:14, 20:26] = 5.0
    moved = change_view(logits, seen, wanted)
    assert torch.equal(moved[0, 2:6, 4:10], torch.full((4, 6), 5.0))
    assert moved[0, :20, :15].gt(0).sum() == 24
    assert moved[0, :, 20:].eq(OUTSIDE_LOGIT).all()
    assert change_view(logits, seen, seen) is logits


def test_a_window_is_of_whole_pixels_and_knows_what_it_holds() -> None:
    view = View.round((20.4, 10.2), 15.6, 7.7)
    assert (view.width, view.height) == (16, 8)
    assert abs(view.centre[0] - 20.4) <= 0.5
    assert abs(view.centre[1] - 10.2) <= 0.5
    assert View.round((3, 3), 0, 0).size == (1, 1)
    assert View(0, 0, 10, 10).holds((1, 1, 9, 9), margin_px=1)
    assert not View(0, 0, 10, 10).holds((1, 1, 9.5, 9), margin_px=1)
    assert View(4, 5, 10, 20).moved(1.6, -2).x0 == 6
    assert View.whole((40, 60)) == View(0, 0, 60, 40)
    assert View(10, 10, 30, 20).share_of((0.0, 0.5, 1.0, 1.0), (40, 60)) == pytest.approx(
        (10 / 60, 20 / 40, 40 / 60, 30 / 40)
    )
