"""Masks carried over a texture that moves."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.engine.drift import Drift
from streamtrack.engine.preprocess import as_frame
from streamtrack.engine.view import OUTSIDE_LOGIT, View
from streamtrack.frame import BoolMask, Image
from streamtrack.tracking.key_motion import KeyMotion
from streamtrack.tracking.mask_drift import Logits, MaskDrift
from streamtrack.tracking.postprocess import crop_mask

SIZE = (180, 320)
SIDE_PX = 40
FRAMES = 9


def moving(step: tuple[int, int], start: tuple[int, int] = (60, 50)) -> list[tuple[Image, BoolMask]]:
    """A patterned square that goes over an uneven ground, and its mask."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(90, 130, (SIZE[0] // 20, SIZE[1] // 20, 3)).astype(np.uint8)
    ground = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    square = cv2.resize(rng.integers(120, 255, (5, 5, 3)).astype(np.uint8), (SIDE_PX, SIDE_PX))
    found = []
    for index in range(FRAMES):
        x, y = start[0] + step[0] * index, start[1] + step[1] * index
        image, mask = ground.copy(), np.zeros(SIZE, np.bool_)
        seen = square[max(0, -y) : SIZE[0] - y, max(0, -x) : SIZE[1] - x]
        if seen.size:
            rows, columns = (
                slice(max(0, y), max(0, y) + len(seen)),
                slice(max(0, x), max(0, x) + seen.shape[1]),
            )
            image[rows, columns], mask[rows, columns] = seen, True
        found.append((np.asarray(image, np.uint8), mask))
    return found


def logits_of(mask: BoolMask, view: View | None) -> Logits:
    shown = mask if view is None else view.mask(mask)
    small = cv2.resize(shown.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA)
    return np.asarray(20 * small - 10, np.float32)


def carried(
    pictures: Sequence[tuple[Image, BoolMask]], view: View | None, damaged: Sequence[int] = ()
) -> list[tuple[BoolMask, View | None]]:
    """The first picture's mask on each of the later ones."""
    motion, drifts = KeyMotion(FRAMES + 1), MaskDrift()
    logits, drift, found = logits_of(pictures[0][1], view), None, []
    for key, (image, _) in enumerate(pictures):
        frame = as_frame(image, key, SYSTEM_CLOCK)
        object.__setattr__(frame, "damaged", key in damaged)
        motion.add(key, frame)
        if key:
            result = drifts.carry(logits, view, drift, SIZE, motion.at(key), motion.grey(0))
            shown, window, drift = result
            crop, (x0, y0, x1, y1) = crop_mask(shown, SIZE, window)
            mask = np.zeros(SIZE, np.bool_)
            mask[y0:y1, x0:x1] = crop
            found.append((mask, window))
    return found


def iou(found: BoolMask, truth: BoolMask) -> float:
    return float((found & truth).sum() / max(1, (found | truth).sum()))


@pytest.mark.parametrize("step", [(3, 2), (-4, 1), (7, 0)])
@pytest.mark.parametrize("window", [None, View(40, 30, 80, 80)])
def test_carried_mask_follows_what_it_is_on(step: tuple[int, int], window: View | None) -> None:
    pictures = moving(step)
    masks = carried(pictures, window)
    assert all(iou(mask, truth) > 0.85 for (mask, _), (_, truth) in zip(masks, pictures[1:], strict=True))
    # One that had stayed where it was would have little left.
    assert iou(pictures[0][1], pictures[-1][1]) < 0.5


def test_window_goes_along() -> None:
    [*_, (_, window)] = carried(moving((5, 2)), View(40, 30, 80, 80))
    assert window is not None
    assert (window.width, window.height) == (80, 80)
    assert abs(window.x0 - (40 + 8 * 5)) <= 2
    assert abs(window.y0 - (30 + 8 * 2)) <= 2


@pytest.mark.parametrize("window", [None, View(0, 30, 80, 80)])
def test_mask_that_leaves_the_picture_goes(window: View | None) -> None:
    pictures = moving((-9, 0), start=(30, 50))
    masks = carried(pictures, window)
    assert not pictures[-1][1].any()
    # At most a rest at the border, which the network's next look clears away.
    assert masks[-1][0].sum() < 0.25 * SIDE_PX**2


def test_mask_stays_over_a_damaged_picture() -> None:
    pictures = moving((3, 2))
    smeared = [*pictures[:4], (np.full((*SIZE, 3), 90, np.uint8), pictures[3][1]), *pictures[5:]]
    masks = carried(smeared, None, damaged=(4,))
    assert iou(masks[3][0], pictures[3][1]) > 0.85


def test_empty_mask_stays_empty() -> None:
    motion = KeyMotion(3)
    for key in range(2):
        motion.add(key, as_frame(moving((3, 2))[key][0], key, SYSTEM_CLOCK))
    nothing = np.full((64, 64), OUTSIDE_LOGIT, np.float32)
    shown, _, drift = MaskDrift().carry(nothing, None, None, SIZE, motion.at(1), motion.grey(0))
    assert (shown <= 0).all()
    assert isinstance(drift, Drift)
