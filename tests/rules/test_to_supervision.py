"""Tracked frames as supervision takes them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import supervision

from streamtrack import to_supervision
from streamtrack.errors import ConfigError
from tests.support.walks import HEIGHT, WIDTH, box_mask, result_at


def test_masks_ids_and_classes_arrive() -> None:
    first = box_mask((100, 150))
    masks = {7: first, 8: box_mask((200, 150)), 9: None}
    found = to_supervision(result_at(0, masks, labels={7: "person", 8: "Ann"}))
    assert list(found.tracker_id) == [7, 8]
    assert list(found.class_id) == [0, -1]
    assert list(found.data["label"]) == ["person", "Ann"]
    assert np.array_equal(found.mask[0], first)
    zone = supervision.PolygonZone(np.array([[50, 100], [150, 100], [150, 200], [50, 200]]))
    assert list(zone.trigger(found)) == [True, False]


def test_frame_without_objects_is_empty_and_has_its_size() -> None:
    found = to_supervision(result_at(0, {}))
    assert len(found) == 0
    assert found.mask.shape == (0, HEIGHT, WIDTH)


def test_supervision_that_is_missing_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ConfigError, match="supervision is not installed, expected it: pip install"):
        to_supervision(result_at(0, {}))
