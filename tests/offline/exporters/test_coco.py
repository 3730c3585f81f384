"""Both of COCO's layouts, read back by its own library."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.support.exports import BALL, GONE, MASK, box_mask, export, run_for
from tests.support.recordings import update

# pycocotools is older than numpy 2's word on copies.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
UPDATES = (
    update(0, objects=[BALL]),
    update(2, objects=[BALL, GONE]),
    update(3, objects=[box_mask(5, 5, 9, 10, 7, "ball, red"), box_mask(0, 0, 320, 192, 8, "wall")]),
)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_pictures_load_in_cocos_own_reader(tmp_path: Path) -> None:
    export("coco", tmp_path, *UPDATES)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "coco.json"))
    assert sorted(coco.getImgIds()) == [1, 3, 4]
    assert coco.loadImgs(3)[0]["file_name"] == "00002.jpg"
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == ["ball, red", "object", "wall"]
    (first,) = coco.loadAnns(coco.getAnnIds(imgIds=1))
    assert np.array_equal(coco.annToMask(first), MASK)
    assert (first["bbox"], first["area"], first["object_id"]) == ([100, 20, 80, 40], 3200, 7)
    found = coco.loadAnns(coco.getAnnIds(imgIds=[3, 4], catIds=coco.getCatIds(["wall"])))
    assert [one["area"] for one in found] == [320 * 192]


def test_empty_mask_is_an_annotation_with_its_state(tmp_path: Path) -> None:
    export("coco", tmp_path, *UPDATES)
    (empty,) = [one for one in read(tmp_path / "coco.json")["annotations"] if one["area"] == 0]
    assert (empty["object_id"], empty["state"], empty["bbox"]) == (8, "occluded", [0, 0, 0, 0])
    assert not coco_mask.decode(empty["segmentation"]).any()


def test_names_are_those_of_the_source(tmp_path: Path) -> None:
    run = run_for(tmp_path, file_names=("a.png", "b.png", "c.png", "d.png"))
    export("coco", tmp_path, *UPDATES, run=run)
    assert [one["file_name"] for one in read(tmp_path / "coco.json")["images"]] == ["a.png", "c.png", "d.png"]


def test_video_has_a_track_an_object_with_null_where_there_is_no_mask(tmp_path: Path) -> None:
    export("coco-video", tmp_path, *UPDATES)
    whole = read(tmp_path / "coco_video.json")
    (video,) = whole["videos"]
    assert (video["width"], video["height"], video["length"]) == (320, 192, 3)
    assert (video["frame_idx"], video["file_names"][1]) == ([0, 2, 3], "00002.jpg")
    ball, other = whole["annotations"]
    assert [ball["object_id"], other["object_id"]] == [7, 8]
    assert np.array_equal(coco_mask.decode(ball["segmentations"][0]).astype(bool), MASK)
    assert (ball["bboxes"][2], ball["areas"]) == ([5, 5, 4, 5], [3200, 3200, 20])
    assert other["segmentations"][:2] == [None, None]
    assert other["states"] == [None, "occluded", "tracking"]
    assert coco_mask.area(other["segmentations"][2]) == other["areas"][2] == 320 * 192
    names = {one["id"]: one["name"] for one in whole["categories"]}
    assert [names[one["category_id"]] for one in (ball, other)] == ["ball, red", "wall"]


@pytest.mark.parametrize("name", ["coco", "coco-video"])
def test_nothing_is_left_beside_the_document_and_one_without_objects_is_valid(
    tmp_path: Path, name: str
) -> None:
    export(name, tmp_path, update(0))
    (file,) = [path for path in tmp_path.iterdir() if path.suffix == ".json"]
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "streamtrack-files.txt"}
    assert read(file)["annotations"] == []
