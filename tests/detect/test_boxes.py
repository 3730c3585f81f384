"""Overlap of boxes."""

from __future__ import annotations

import pytest

from streamtrack.detect import Box, box_iou
from streamtrack.detect.boxes import share_in


@pytest.mark.parametrize(
    ("second", "expected"),
    [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((10, 0, 20, 10), 0.0), ((20, 20, 30, 30), 0.0)],
)
def test_overlap_over_union(second: Box, expected: float) -> None:
    assert box_iou((0, 0, 10, 10), second) == pytest.approx(expected)


def test_empty_boxes_do_not_overlap() -> None:
    assert box_iou((3, 3, 3, 3), (3, 3, 3, 3)) == 0.0


def test_share_of_a_box_in_another_is_of_the_first() -> None:
    assert share_in((0, 0, 10, 10), (5, 0, 105, 10)) == pytest.approx(0.5)
    assert share_in((5, 0, 105, 10), (0, 0, 10, 10)) == pytest.approx(0.05)
    assert share_in((0, 0, 10, 10), (20, 20, 30, 30)) == 0.0
