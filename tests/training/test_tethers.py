"""Tethers stretch an object's box and leave its body as it was."""

from __future__ import annotations

import cv2
import numpy as np

from training.paste import box_fill
from training.tethers import tethered


def _bodies() -> tuple[np.ndarray, ...]:
    picture = np.zeros((60, 40, 4), np.uint8)
    cv2.ellipse(picture, (20, 30), (15, 25), 0, 0, 360, (9, 200, 60, 255), -1)
    return picture, picture[:, ::-1].copy()


def test_lines_reach_out_of_the_body_on_every_frame() -> None:
    bodies = _bodies()
    for seed in range(20):
        pictures = tethered(bodies, np.random.default_rng(seed))

        assert len({picture.shape for picture in pictures}) == 1
        for picture, body in zip(pictures, bodies, strict=True):
            solid = picture[..., 3] > 127
            green = (picture[..., :3] == (9, 200, 60)).all(-1) & solid
            assert solid.sum() > (body[..., 3] > 127).sum(), "something was added"
            assert green.sum() >= (body[..., 3] > 127).sum(), "and nothing of the body is covered"
    fills = [box_fill(tethered(bodies, np.random.default_rng(seed))[0][..., 3] > 127) for seed in range(20)]
    assert np.median(fills) < 0.6 * box_fill(bodies[0][..., 3] > 127)


def test_nothing_to_hold_on_to_is_left_alone() -> None:
    empty = (np.zeros((20, 20, 4), np.uint8),)

    assert tethered(empty, np.random.default_rng(0)) is empty
