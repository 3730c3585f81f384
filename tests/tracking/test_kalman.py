"""The filter's closed form against the matrices of the papers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamtrack.tracking.kalman import Box, Motion, box_iou, completed

Matrix = NDArray[np.float64]
F = np.eye(8)
F[:4, 4:] = np.eye(4)
H = np.eye(4, 8)


def noise(height: float, position: float, velocity: float, aspect: float, turn: float) -> Matrix:
    p, v = position * height / 20, velocity * height / 160
    return np.diag(np.square([p, p, aspect, p, v, v, turn, v]))


def measured(box: Box) -> Matrix:
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / (y1 - y0), y1 - y0])


def test_predicting_and_measuring_are_the_matrix_equations() -> None:
    boxes: list[Box] = [(10 + 3 * t, 20 + t * t / 10, 42 + 3 * t, 84 + t) for t in range(12)]
    motion = Motion.start(boxes[0])
    mean, covariance = np.r_[measured(boxes[0]), np.zeros(4)], noise(64, 2, 10, 1e-2, 1e-5)
    for box in boxes[1:]:
        motion = motion.predict()
        height = mean[3]
        mean, covariance = F @ mean, F @ covariance @ F.T + noise(height, 1, 1, 1e-2, 1e-5)
        motion = motion.update(box)
        h = mean[3] / 20
        spread = H @ covariance @ H.T + np.diag(np.square([h, h, 1e-1, h]))
        gain = covariance @ H.T @ np.linalg.inv(spread)
        mean, covariance = (
            mean + gain @ (measured(box) - H @ mean),
            covariance - gain @ spread @ gain.T,
        )
    parts = (motion.x, motion.y, motion.aspect, motion.height)
    assert [part.at for part in parts] == pytest.approx(mean[:4])
    assert [part.velocity for part in parts] == pytest.approx(mean[4:])
    assert [part.at_var for part in parts] == pytest.approx(np.diag(covariance)[:4])
    assert [part.cross_var for part in parts] == pytest.approx(np.diag(covariance[:4, 4:]))
    assert [part.velocity_var for part in parts] == pytest.approx(np.diag(covariance)[4:])


def test_a_steady_box_is_expected_where_it_goes() -> None:
    motion = Motion.start((0, 0, 20, 40))
    for t in range(1, 30):
        motion = motion.predict().update((4.0 * t, 0, 20 + 4.0 * t, 40))
    assert motion.predict().box == pytest.approx((120, 0, 140, 40), abs=1.5)


def test_overlap_of_boxes() -> None:
    assert box_iou((0, 0, 4, 4), (0, 0, 4, 2)) == pytest.approx(0.5)
    assert box_iou((0, 0, 1, 1), (2, 2, 3, 3)) == 0.0
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0


def test_a_box_that_goes_behind_something_is_completed_beside_its_still_edge() -> None:
    whole, before = (100.0, 50.0, 140.0, 90.0), (96.0, 50.0, 120.0, 90.0)
    # The right edge stands still: there it is hidden.
    assert completed((100.0, 50.0, 120.0, 90.0), before, whole) == (100.0, 50.0, 140.0, 90.0)
    # It comes out to the right, and up and down it is what shows of a ball.
    out = completed((120.0, 55.0, 130.0, 85.0), (120.0, 58.0, 126.0, 82.0), whole)
    assert out == (90.0, 50.0, 130.0, 90.0)
    larger = (90.0, 40.0, 150.0, 100.0)
    assert completed(larger, larger, whole) == larger
