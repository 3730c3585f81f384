"""What every bench looks at: the pictures of the demo scene and masks to start from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from bench.stage_timer import synchronise
from streamtrack.frame import BoolMask, FrameResult, Image
from streamtrack.scenes.scene import MIN_PROMPT_AREA_PX, make_scene
from streamtrack.tracking import Session

SCENE = "demo"
MASK_SEED = 3
MASK_SIDE_PX = 90
FILL_FRAMES = 18
"""Frames until 6 memories and 15 pointers are there: a step costs less before."""


def make_pictures(number: int) -> list[Image]:
    """The scene's first frames, (360, 640, 3) uint8 RGB."""
    scene = make_scene(SCENE)
    return [scene.render(index)[0] for index in range(number)]


def make_masks(number: int) -> list[BoolMask]:
    """Masks on the first frame: the scene's own objects, then squares. Masks, so that random weights follow
    something of a known size."""
    scene = make_scene(SCENE)
    truths = scene.render(0)[1].values()
    masks = [mask for mask in truths if np.count_nonzero(mask) >= MIN_PROMPT_AREA_PX][:number]
    rng = np.random.default_rng(MASK_SEED)
    while len(masks) < number:
        mask = np.zeros((scene.height_px, scene.width_px), np.bool_)
        y = int(rng.integers(0, scene.height_px - MASK_SIDE_PX))
        x = int(rng.integers(0, scene.width_px - MASK_SIDE_PX))
        mask[y : y + MASK_SIDE_PX, x : x + MASK_SIDE_PX] = True
        masks.append(mask)
    return masks


def add_objects(session: Session, number: int) -> None:
    """Prompt a new session with `number` masks, ids from 0."""
    for object_id, mask in enumerate(make_masks(number)):
        session.add(object_id, mask=mask)


def time_steps(
    session: Session,
    pictures: Sequence[Image],
    device: str,
    on_result: Callable[[FrameResult], object] = lambda _: None,
) -> list[float]:
    """Seconds of each whole step, from the uint8 picture to cropped masks in host memory."""
    seconds = []
    for picture in pictures:
        synchronise(device)
        started = time.perf_counter()
        result = session.step(picture)
        synchronise(device)
        seconds.append(time.perf_counter() - started)
        on_result(result)
    return seconds


def mask_iou(found: BoolMask, expected: BoolMask) -> float:
    """Intersection over union; 1.0 where both are empty."""
    union = np.count_nonzero(found | expected)
    return float(np.count_nonzero(found & expected) / union) if union else 1.0
