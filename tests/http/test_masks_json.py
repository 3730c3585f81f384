"""Label maps: which pixel value means which object, and how many bits it takes."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from streamtrack.frame import BoolMask, FrameResult, ObjectMask
from streamtrack.http.masks_json import label_map, masks_json
from streamtrack.publish.taps import NewestMasks
from tests.support.video import result

BITS_AT = 24
"""Where a PNG says how many bits a sample has."""


def frame_with(*ids: int) -> FrameResult:
    """Objects of one column each; each overlaps its neighbour's."""
    base = result(5)
    height, width = base.frame.height_px, base.frame.width_px
    objects = {}
    for place, object_id in enumerate(ids):
        mask: BoolMask = np.zeros((height, width), np.bool_)
        mask[:, place % (width - 1) : place % (width - 1) + 2] = True
        objects[object_id] = ObjectMask.from_mask(mask, object_id)
    return FrameResult(5, base.frame, objects, base.times)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("ids", "bits", "values"),
    [
        ((1, 2), 8, {1: 1, 2: 2}),
        ((255,), 8, {255: 255}),
        ((256, 7), 16, {256: 256, 7: 7}),
        ((65_535,), 16, {65_535: 65_535}),
        ((0, 5), 8, {1: 0, 2: 5}),
        ((70_000, 3), 8, {2: 70_000, 1: 3}),
        ((), 8, {}),
    ],
)
def test_value_is_the_id_where_that_can_be_and_16_bits_where_one_is_above_255(
    ids: tuple[int, ...], bits: int, values: dict[int, int]
) -> None:
    data, told = label_map(frame_with(*ids))
    assert told == values
    assert data[BITS_AT] == bits
    assert set(np.unique(pixels(data))) - {0} == set(values)


def test_more_than_255_objects_are_16_bits() -> None:
    data, told = label_map(frame_with(*range(1, 301)))
    assert len(told) == 300
    assert data[BITS_AT] == 16


def test_lowest_id_lies_on_top() -> None:
    data, _ = label_map(frame_with(9, 4))
    assert pixels(data)[0, :4].tolist() == [9, 4, 4, 0]


def test_masks_can_be_left_out() -> None:
    told = json.loads(masks_json(NewestMasks("cam", 0, 3, frame_with(1), "nano"), masks=False))
    assert (told["version"], told["frame_idx"], told["objects"][0]["bbox"]) == (3, 5, [0, 0, 2, 192])
    assert "segmentation" not in told["objects"][0]
