"""Polygons of COCO subsets: read by licence, once, the small in front of the large."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from training.labelled import cut_out, read_coco_instances


def square(left: int, top: int, side: int, image_id: int) -> dict[str, Any]:
    """An annotation of a square object."""
    corners = [left, top, left + side, top, left + side, top + side, left, top + side]
    return {"image_id": image_id, "segmentation": [corners], "area": side * side, "iscrowd": 0}


@pytest.fixture
def subset(tmp_path: Path) -> Path:
    """Photos under CC BY (4) and CC BY-NC (2), and one whose file is missing."""
    (tmp_path / "train2017").mkdir()
    (tmp_path / "annotations").mkdir()
    for name in ("free.jpg", "unfree.jpg"):
        cv2.imwrite(str(tmp_path / "train2017" / name), np.full((120, 160, 3), 90, np.uint8))
    names = ("free.jpg", "unfree.jpg", "missing.jpg")
    images = [{"id": k, "file_name": name, "license": (4, 2, 4)[k]} for k, name in enumerate(names)]
    # The small square lies in the large one and is listed first.
    annotations = [square(40, 40, 30, 0), square(20, 20, 80, 0), square(0, 0, 50, 1), square(0, 0, 50, 2)]
    listing = {"images": images, "annotations": annotations}
    (tmp_path / "annotations" / "instances_train2017.json").write_text(json.dumps(listing))
    return tmp_path


def test_only_photos_of_a_free_licence_are_read_and_each_once(subset: Path) -> None:
    found = list(read_coco_instances([subset, subset]))

    assert len(found) == 1
    assert found[0].photo.shape == (120, 160, 3)
    assert not list(read_coco_instances([subset], skip={"free.jpg"}))


def test_small_object_lies_in_front_of_the_large_one(subset: Path) -> None:
    (found,) = read_coco_instances([subset])

    assert found.labels[30, 30] == 1
    assert found.labels[50, 50] == 2
    assert found.labels[5, 5] == 0
    assert len(list(cut_out(found))) == 2
