"""Where a mask lies."""

from __future__ import annotations

import numpy as np
import pytest

from streamtrack.engine.shown_box import shown_box


def test_box_holds_all_that_is_shown_and_no_more() -> None:
    mask = np.zeros((7, 9), np.bool_)
    mask[2, 3] = mask[5, 8] = True
    assert shown_box(mask) == (3, 2, 6, 4)
    # A part of a mask does not lie in one piece.
    assert shown_box(mask[1:6:2, 2:]) == (6, 2, 1, 1)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 5)])
def test_nothing_shown_is_a_box_of_zeros(shape: tuple[int, int]) -> None:
    assert shown_box(np.zeros(shape, np.bool_)) == (0, 0, 0, 0)
