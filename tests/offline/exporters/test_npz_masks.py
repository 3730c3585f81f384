"""Masks as arrays, read back by numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.exports import BALL, GONE, MASK, box_mask, export
from tests.support.recordings import update

LATE = box_mask(0, 0, 20, 10, 12, "late")


def test_masks_are_one_array_a_frame_with_a_row_an_object(tmp_path: Path) -> None:
    export("npz", tmp_path, update(0, objects=[BALL]), update(5, objects=[GONE, LATE]), update(6))
    with np.load(tmp_path / "masks.npz") as arrays:
        assert arrays["frame_idx"].tolist() == [0, 5, 6]
        assert arrays["object_ids"].tolist() == [7, 8, 12]
        assert arrays["labels"].tolist() == ["ball, red", "", "late"]
        assert arrays["pts_seconds"] == pytest.approx([0, 0.2, 0.24])
        first, second = arrays["frame_00000"], arrays["frame_00005"]
        assert first.dtype == np.bool_
        assert np.array_equal(first, [MASK, np.zeros_like(MASK)])
        assert [int(mask.sum()) for mask in second] == [0, 0, 200]
        assert not arrays["frame_00006"].any()
