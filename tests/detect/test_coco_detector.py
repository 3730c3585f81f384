"""The shipped detector on real photos, whose boxes were measured by hand and by another implementation."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from streamtrack.coco import COCO_CLASSES, describe_unknown_class
from streamtrack.detect import Box, box_iou
from streamtrack.detect.centernet import double
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
BY_TENSORFLOW: dict[str, list[tuple[str, float, Box]]] = {
    "bottles": [
        ("bottle", 0.5444, (505.7, 105.5, 570.6, 316.2)),
        ("bottle", 0.5094, (281.2, 108.7, 346.0, 312.3)),
        ("bottle", 0.4867, (56.0, 104.0, 123.9, 314.5)),
    ],
    "parking": [("car", 0.6626, (0.0, 34.5, 90.0, 99.8)), ("person", 0.3758, (404.2, 11.7, 452.6, 63.0))],
    "person": [("person", 0.7784, (354.7, 24.6, 521.6, 426.1))],
}
"""TensorFlow.js 4.22 runs the published graph on the same pixels."""


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


@pytest.mark.parametrize("name", BY_TENSORFLOW)
def test_agrees_with_another_implementation(name: str) -> None:
    found, expected = detector().detect(photo(name)), BY_TENSORFLOW[name]
    assert [one.class_name for one in found] == [class_name for class_name, _, _ in expected]
    for one, (_, score, box) in zip(found, expected, strict=True):
        # The file's stem is rounded to float16 anew, and hard-swish multiplies by an exact sixth.
        assert one.score == pytest.approx(score, abs=0.005)
        assert one.box == pytest.approx(box, abs=0.5)


def test_box_follows_the_pictures_size() -> None:
    (small,) = detector().detect(photo("person"))
    (large,) = detector().detect(np.ascontiguousarray(photo("person").repeat(2, 0).repeat(2, 1)))
    assert box_iou(tuple(value * 2 for value in small.box), large.box) > 0.95  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(64, 2000, 3), (2000, 64, 3), (1, 1, 3)])
def test_nothing_is_found_where_nothing_is_in_any_shape(shape: tuple[int, int, int]) -> None:
    assert detector().detect(np.full(shape, 90, np.uint8)) == []


def test_score_below_the_lowest_is_left_out() -> None:
    assert [one.class_name for one in load_detector(0.5).detect(photo("parking"))] == ["car"]


def test_doubling_keeps_old_cells_at_even_places() -> None:
    row = torch.tensor([[[[1.0, 3.0, 7.0]]]])
    assert double(row)[0, 0, 0].tolist() == [1, 2, 3, 5, 7, 7]
    assert double(row).shape == (1, 1, 2, 6)


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
    # Where COCO's own list has them: the heat maps come in this order.
    places = {0: "person", 2: "car", 16: "dog", 39: "bottle", 60: "dining table", 79: "toothbrush"}
    assert {index: COCO_CLASSES[index] for index in places} == places
    assert describe_unknown_class("Preson").endswith("did you mean person?")
    assert "expected one of COCO's 80" in describe_unknown_class("quux")
