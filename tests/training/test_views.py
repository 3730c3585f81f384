"""Windows hold the object while it is seen, grow while it is hidden, and show nothing beyond the picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.views import FACTORS, Box, Window, box_of, compose, follow_boxes, replicate_outside, whole_view


def test_window_shows_its_square_and_views_compose() -> None:
    window = Window(np.array([60.0, 40.0]), 32.0)
    view = window.view(128)
    corner = view[:, :2] @ [44.0, 24.0] + view[:, 2]
    moved = compose(view, np.array([[1.0, 0.0, 5.0], [0.0, 1.0, -3.0]]))

    assert np.allclose(corner, 0)
    assert np.allclose(view[:, :2] @ [60.0, 40.0] + view[:, 2], 64)
    assert np.allclose(moved[:, :2] @ [55.0, 43.0] + moved[:, 2], 64)
    assert np.allclose(whole_view(256, 128), [[0.5, 0, 0], [0, 0.5, 0]])


def test_windows_follow_a_moving_object_and_hold_it() -> None:
    boxes: list[Box | None] = [(100 + 3 * t, 90, 124 + 3 * t, 130) for t in range(8)]

    for seed in range(30):
        windows = follow_boxes(boxes, np.random.default_rng(seed), 256)
        for box, window in zip(boxes, windows, strict=True):
            assert box is not None
            centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
            assert np.abs(window.centre - centre).max() < window.side / 2, "its middle is in sight"
        factors = [window.side / 40 for window in windows if window.side < 256]
        assert 0.6 * FACTORS[0] < min(factors)
        assert np.median(factors[1:]) < 1.5 * FACTORS[1]


def test_window_of_a_hidden_object_grows_up_to_the_whole_picture() -> None:
    boxes: list[Box | None] = [(100, 90, 124, 130), *[None] * 60]

    windows = follow_boxes(boxes, np.random.default_rng(0), 256)

    sides = [window.side for window in windows[1:]]
    assert sum(after < before for before, after in pairwise(sides)) <= 1, "but for one look at all"
    assert sides[-1] == 256


def test_box_of_a_mask_is_scaled_and_of_none_is_none() -> None:
    mask = np.zeros((20, 20), np.bool_)
    assert box_of(mask) is None
    mask[4:10, 6:9] = True
    assert box_of(mask, 2.0) == (12, 8, 18, 20)
    mask = np.ones((100, 100), np.bool_)
    mask[:, 60:] = False
    mask[50, 60:] = True  # a stray line
    assert box_of(mask) == (0, 1, 60, 99)
    assert box_of(mask, outliers=0.0) == (0, 0, 100, 100)


def test_outside_the_picture_edges_go_on_and_no_object_is() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    ids = np.ones((64, 64), np.int32)
    view = Window(np.array([0.0, 32.0]), 64.0).view(64)  # its left half lies outside

    replicate_outside(frame, ids, view, 64)

    assert (frame[:, :32] == frame[:, 32:33]).all()
    assert not ids[:, :32].any()
    assert ids[:, 32:].all()
