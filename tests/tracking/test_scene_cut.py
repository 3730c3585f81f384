"""Cuts from one scene to another, and all that looks like one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.config import TrackingConfig
from streamtrack.frame import Image
from streamtrack.scenes.scene import make_scene
from streamtrack.tracking.scene_cut import Cut, SceneCuts, make_scene_cuts

CONFIG = TrackingConfig(scene_cuts=True)


def look_at(frames: Sequence[Image], config: TrackingConfig = CONFIG) -> list[tuple[int, Cut]]:
    cuts = make_scene_cuts(config)
    assert cuts is not None
    return [(index, cut) for index, frame in enumerate(frames) if (cut := cuts.see(frame)) is not None]


def frames_of(name: str, number: int = 12) -> list[Image]:
    scene = make_scene(f"{name}?width=320&height=180")
    return [scene.render(index)[0] for index in range(number)]


@pytest.fixture(scope="module")
def road() -> list[Image]:
    return frames_of("demo")


@pytest.fixture(scope="module")
def tank() -> list[Image]:
    return frames_of("many")


def test_nobody_looks_unless_asked() -> None:
    assert make_scene_cuts(TrackingConfig()) is None
    assert isinstance(make_scene_cuts(CONFIG), SceneCuts)


def test_a_cut_is_told_once_when_the_new_scene_has_lasted(road: list[Image], tank: list[Image]) -> None:
    [(index, cut)] = look_at([*road, *tank])
    assert index == len(road) + CONFIG.scene_cut_frames - 1
    assert cut.frames_ago == CONFIG.scene_cut_frames - 1
    assert cut.histogram >= CONFIG.scene_cut_histogram
    assert cut.features >= CONFIG.scene_cut_features
    assert cut.as_detail()["frames_ago"] == 1


def test_there_and_back_are_two_cuts(road: list[Image], tank: list[Image]) -> None:
    assert [index for index, _ in look_at([*road, *tank, *road])] == [13, 25]


@pytest.mark.parametrize("scene", ["demo", "crossing", "many", "leave", "occlusion"])
def test_what_moves_in_a_scene_is_no_cut(scene: str) -> None:
    assert look_at(frames_of(scene)) == []


def test_a_fast_pan_is_none() -> None:
    wide = make_scene("demo?width=1600&height=180").render(0)[0]
    pan = [np.ascontiguousarray(wide[:, x : x + 320]) for x in range(0, 1280, 64)]  # a fifth of it a frame
    assert look_at(pan) == []


def test_a_flash_is_none(road: list[Image]) -> None:
    white = np.full_like(road[0], 255)
    glare = np.clip(road[6].astype(np.int32) * 4 + 60, 0, 255).astype(np.uint8)
    assert look_at([*road[:5], white, *road[5:]]) == []
    assert look_at([*road[:5], glare, *road[5:]]) == []


@pytest.mark.parametrize("gain", [0.4, 0.6, 1.5, 1.9])
def test_a_jump_of_the_exposure_is_none(road: list[Image], gain: float) -> None:
    other = [np.clip(frame * gain, 0, 255).astype(np.uint8) for frame in road[6:]]
    assert look_at([*road[:6], *other]) == []


def test_light_that_goes_off_is_none(road: list[Image]) -> None:
    dark = [cv2.convertScaleAbs(frame, alpha=0.15) for frame in road[6:]]
    assert look_at([*road[:6], *dark]) == []


def test_bounds_are_the_configs(road: list[Image], tank: list[Image]) -> None:
    frames = [*road, *tank]
    assert look_at(frames, CONFIG.model_copy(update={"scene_cut_histogram": 1.0})) == []
    assert look_at(frames, CONFIG.model_copy(update={"scene_cut_features": 2.0})) == []
    [(index, _)] = look_at(frames, CONFIG.model_copy(update={"scene_cut_frames": 5}))
    assert index == len(road) + 4


def test_any_size_of_picture_will_do() -> None:
    for size in ((1, 1), (7, 400), (400, 7), (720, 1280)):
        assert look_at([np.zeros((*size, 3), np.uint8)] * 3) == []


PHOTOS = Path(__file__).parents[1] / "detect" / "photos"


def filmed(name: str, step_px: int) -> list[Image]:
    """A real picture as a camera that pans over it shows it, with grain and a breath of exposure."""
    picture = np.asarray(cv2.imread(str(PHOTOS / f"{name}.jpg")))[..., ::-1]
    height, width = picture.shape[0] * 3 // 4, picture.shape[1] * 3 // 5
    rng = np.random.default_rng(7)
    frames = []
    for index in range(6):
        x, y = min(step_px * index, picture.shape[1] - width), 2 * (index % 2)
        part = cv2.resize(picture[y : y + height, x : x + width], (320, 180)).astype(np.float32)
        grain = rng.normal(0, 4, part.shape)
        frames.append(np.clip(part * (1 + 0.04 * index) + grain, 0, 255).astype(np.uint8))
    return frames


@pytest.mark.parametrize("step_px", [4, 40])
def test_real_clips_that_are_joined_have_one_cut_each(step_px: int) -> None:
    clips = [frame for name in ("person", "parking", "bottles") for frame in filmed(name, step_px)]
    assert [index for index, _ in look_at(clips)] == [7, 13]
