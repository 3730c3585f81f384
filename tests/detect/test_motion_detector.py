"""What moves on scenes made by hand: a square that crosses a textured ground."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from streamtrack.config import MotionAutoprompt
from streamtrack.detect import Detection, box_iou
from streamtrack.detect.motion_detector import MotionDetector
from streamtrack.frame import Image

HEIGHT, WIDTH, SIDE = 120, 200, 24
GROUND = np.random.default_rng(5).integers(60, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def place(index: int) -> tuple[int, int, int, int]:
    x = 10 + 4 * index
    return x, 40, x + SIDE, 40 + SIDE


def scene(index: int, colour: tuple[int, int, int] = (230, 40, 40), side: int = SIDE) -> Image:
    """The ground with flickering pixels, and from the 20th frame on a square that moves right."""
    noise = np.random.default_rng(index).integers(-4, 5, GROUND.shape)
    picture = np.asarray(np.clip(GROUND + noise, 0, 255), np.uint8)
    if index >= 20:
        x0, y0, _, _ = place(index - 20)
        picture[y0 : y0 + side, x0 : x0 + side] = colour
    return picture


def detector(**keys: Any) -> MotionDetector:
    return MotionDetector(MotionAutoprompt.model_validate({"min_area": 0.005, **keys}))


def watch(looking: MotionDetector, last: int = 32, **keys: Any) -> list[Detection]:
    found: list[Detection] = []
    for index in range(last):
        found = looking.detect(scene(index, **keys))
        assert index >= 20 or not found, "nothing moves yet"
    return found


@pytest.mark.parametrize("method", ["mog2", "knn"])
def test_what_moves_is_found_where_it_is(method: Literal["mog2", "knn"]) -> None:
    [found] = watch(detector(method=method))
    assert found.class_name == "moving"
    assert box_iou(found.box, place(11)) > 0.7
    assert 0.7 < found.score <= 1


def test_wide_picture_is_looked_at_small_and_told_in_its_own_pixels() -> None:
    [found] = watch(detector(look_width_px=100, closing_px=3, opening_px=2))
    assert box_iou(found.box, place(11)) > 0.6


def test_nothing_is_found_while_the_background_is_learnt() -> None:
    assert watch(detector(warm_up=40)) == []


def test_piece_that_is_too_small_or_all_of_the_picture_is_none() -> None:
    assert watch(detector(), side=5) == []
    looking = detector(max_area=0.4)
    watch(looking)
    assert looking.detect(np.full((HEIGHT, WIDTH, 3), 250, np.uint8)) == [], "a light is switched on"


def test_opening_drops_specks_that_are_found_without_it() -> None:
    def thin(opening_px: int) -> list[Detection]:
        looking = detector(opening_px=opening_px, closing_px=0, min_area=0.001)
        for index in range(20):
            looking.detect(scene(index))
        picture = scene(19)
        picture[60:62, 20:120] = 250
        return looking.detect(picture)

    assert (len(thin(0)), thin(5)) == (1, [])


def test_shadow_is_dropped_unless_it_is_kept() -> None:
    def darker(shadows: str) -> list[Detection]:
        looking = detector(shadows=shadows)
        for index in range(30):
            looking.detect(scene(index % 20))
        picture = scene(3)
        picture[40:70, 60:100] = (picture[40:70, 60:100] * 0.7).astype(np.uint8)
        return looking.detect(picture)

    assert (darker("drop"), len(darker("keep"))) == ([], 1)


def test_other_picture_size_begins_anew() -> None:
    looking = detector()
    watch(looking)
    assert looking.detect(np.zeros((60, 90, 3), np.uint8)) == []


def test_camera_that_exposes_anew_moves_nothing_and_leaves_what_moves_in_its_place() -> None:
    looking = detector()
    watch(looking, last=26)
    for index in range(26, 40):
        darker = max(0.6, 1 - 0.1 * (index - 25))
        found = looking.detect(np.asarray(scene(index) * darker, np.uint8))
        assert [box_iou(one.box, place(index - 20)) > 0.7 for one in found] == [True]
