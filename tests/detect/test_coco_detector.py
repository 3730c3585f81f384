"""The shipped detector on real photos, whose boxes were measured by hand and by another runtime."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.detect import Box, box_iou
from streamtrack.detect.coco_detector import CocoDetector, load_detector
from streamtrack.errors import CheckpointError
from streamtrack.frame import Image
from streamtrack.weights import catalog
from tests.support.image_files import read_image

PHOTOS = Path(__file__).parent / "photos"
BY_HAND: dict[str, list[tuple[str, Box]]] = {
    "bottles": [
        ("bottle", (56, 108, 122, 312)),
        ("bottle", (287, 109, 345, 313)),
        ("bottle", (508, 107, 572, 315)),
    ],
    "parking": [("car", (0, 33, 90, 99))],
    "person": [("person", (358, 29, 523, 432))],
}
"""Read off the enlarged photos. `parking` also shows a cyclist of 50 pixels, which does not count here."""
BY_ONNXRUNTIME: dict[str, list[tuple[str, float, Box]]] = {
    "bottles": [
        ("bottle", 0.9256, (508.5, 105.8, 570.1, 317.4)),
        ("bottle", 0.9249, (285.8, 108.7, 344.5, 315.3)),
        ("bottle", 0.9179, (57.6, 109.0, 122.9, 316.1)),
    ],
    "person": [("person", 0.8989, (356.9, 32.4, 527.3, 412.7)), ("tv", 0.3977, (0.0, 0.0, 112.5, 171.7))],
}
"""ONNX Runtime 1.32 runs the published network on the same pixels, 416 x 416."""


@cache
def detector() -> CocoDetector:
    return load_detector()


def photo(name: str) -> Image:
    picture = read_image(PHOTOS / f"{name}.jpg")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


@pytest.mark.parametrize("name", BY_HAND)
def test_finds_what_is_there_where_it_is(name: str) -> None:
    found = detector().detect(photo(name))
    for class_name, box in BY_HAND[name]:
        near = [one for one in found if box_iou(one.box, box) > 0.85]
        assert [one.class_name for one in near] == [class_name]


@pytest.mark.parametrize("name", BY_ONNXRUNTIME)
def test_agrees_with_another_runtime(name: str) -> None:
    picture = photo(name)
    height, width = picture.shape[:2]
    square = np.full((width, width, 3), 114, np.uint8)  # its graph takes squares of 416 alone
    square[:height] = picture
    found, expected = detector().detect(square), BY_ONNXRUNTIME[name]
    assert [one.class_name for one in found] == [class_name for class_name, _, _ in expected]
    for one, (_, score, box) in zip(found, expected, strict=True):
        # Other orders of summation, and builds of OpenCV whose resize rounds otherwise.
        assert one.score == pytest.approx(score, abs=0.005)
        assert one.box == pytest.approx(box, abs=0.5)


def test_box_follows_the_pictures_size() -> None:
    small = detector().detect(photo("person"))[0]
    large = detector().detect(np.ascontiguousarray(photo("person").repeat(2, 0).repeat(2, 1)))[0]
    assert box_iou(tuple(value * 2 for value in small.box), large.box) > 0.95  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(64, 2000, 3), (2000, 64, 3), (1, 1, 3)])
def test_nothing_is_found_where_nothing_is_in_any_shape(shape: tuple[int, int, int]) -> None:
    assert detector().detect(np.full(shape, 90, np.uint8)) == []


def test_score_below_the_lowest_is_left_out() -> None:
    assert [one.class_name for one in load_detector(0.8).detect(photo("parking"))] == ["car"]


def test_larger_input_finds_what_is_small() -> None:
    far = cv2.resize(photo("person"), None, fx=0.12, fy=0.12, interpolation=cv2.INTER_AREA)
    scene = np.full((432, 768, 3), 128, np.uint8)
    scene[100 : 100 + far.shape[0], 300 : 300 + far.shape[1]] = far

    def people(image_size: int) -> list[str]:
        found = load_detector(0.4, image_size).detect(scene)
        return [one.class_name for one in found if one.class_name == "person"]

    assert (people(256), people(768)) == ([], ["person"])


def test_damaged_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "search_folders", lambda: (tmp_path,))
    (tmp_path / catalog.DETECTOR.file_name).write_bytes(b"\x00" * catalog.DETECTOR.num_bytes)
    with pytest.raises(CheckpointError, match=r"yolox_nano.onnx: OpenCV cannot read it \(.+\)$"):
        load_detector()


def test_missing_file_says_that_it_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "search_folders", lambda: (tmp_path,))
    with pytest.raises(
        CheckpointError, match=r"detector is not on this machine: it ships with streamtrack as"
    ):
        load_detector()


def test_file_is_the_one_that_the_catalog_pins() -> None:
    catalog.verify_checkpoint(catalog.DETECTOR, catalog.require_checkpoint(catalog.DETECTOR))


def test_classes_are_cocos_and_a_typo_is_guessed() -> None:
    assert len(set(COCO_CLASSES)) == 80
    # Where COCO's own list has them: the scores come in this order.
    places = {0: "person", 2: "car", 16: "dog", 39: "bottle", 60: "dining table", 79: "toothbrush"}
    assert {index: COCO_CLASSES[index] for index in places} == places
    assert describe_unknown_class("Preson").endswith("did you mean person?")
    assert "expected one of COCO's 80" in describe_unknown_class("quux")
