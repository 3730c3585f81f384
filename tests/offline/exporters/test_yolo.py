"""YOLO-seg's layout, read back by supervision and filled by OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from streamtrack.frame import ObjectMask
from streamtrack.offline.mask_polygons import outline
from tests.support.exports import BALL, GONE, MASK, box_mask, export
from tests.support.recordings import update


def test_labels_are_read_back_as_the_masks(tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    exporter = export("yolo", tmp_path, update(0, objects=[BALL, GONE]), update(1, objects=[GONE]), update(2))
    root = tmp_path / "yolo"
    assert yaml.safe_load((root / "data.yaml").read_text()) == {
        "train": "images",
        "val": "images",
        "nc": 1,
        "names": ["ball, red"],
    }
    assert (root / "labels" / "00001.txt").read_text() == ""
    assert exporter.notes() == ("2 empty masks have no line in yolo/labels",)
    data = supervision.DetectionDataset.from_yolo(
        str(root / "images"), str(root / "labels"), str(root / "data.yaml"), force_masks=True
    )
    assert len(data) == 3
    (_, picture, detections) = next(one for one in data if "00000" in one[0])
    assert picture.shape == (192, 320, 3)
    (mask,) = detections.mask
    assert (mask & MASK).sum() / (mask | MASK).sum() > 0.99


@pytest.mark.parametrize(
    "boxes",
    [
        [(5, 6, 90, 70)],
        [(0, 0, 320, 192)],
        [(5, 6, 9, 9), (40, 50, 200, 90), (300, 0, 320, 192)],
        [(7, 7, 8, 8)],
        [(7, 7, 9, 8), (20, 20, 21, 21)],
    ],
)
def test_outline_filled_is_the_mask_whatever_its_parts(boxes: list[tuple[int, int, int, int]]) -> None:
    mask = np.zeros((192, 320), np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    points = outline(ObjectMask.from_mask(mask, 1))
    assert len(points) >= 3
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [points.astype(np.int32)], 1)
    bridges = filled.astype(bool) & ~mask
    assert not (mask & ~filled.astype(bool)).any()
    assert bridges.sum() <= 400 * (len(boxes) - 1), "lines of a pixel between parts, and nothing else"


def test_outline_of_a_round_object_is_short_and_close() -> None:
    y, x = np.indices((192, 320))
    disc = (x - 150) ** 2 + (y - 90) ** 2 < 70**2
    points = outline(ObjectMask.from_mask(disc, 1))
    assert len(points) < 60
    filled = np.zeros(disc.shape, np.uint8)
    cv2.fillPoly(filled, [points.astype(np.int32)], 1)
    assert (filled.astype(bool) & disc).sum() / (filled.astype(bool) | disc).sum() > 0.985


def test_empty_mask_has_no_outline() -> None:
    assert outline(GONE).shape == (0, 2)
    assert outline(box_mask(1, 2, 5, 9, 3)).min() >= 1
