from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from streamtrack.clock import SYSTEM_CLOCK
from streamtrack.engine.preprocess import as_frame
from streamtrack.frame import Image
from streamtrack.tracking.key_motion import PIXELS, KeyMotion, small_size, to_grey


def shifted(by_px: int, size: tuple[int, int] = (180, 320)) -> Image:
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 255, (size[0] // 6, size[1] // 6, 3)).astype(np.uint8)
    image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.roll(image, by_px, axis=1), np.uint8)


def test_flow_tells_where_a_place_was_on_the_frame_before() -> None:
    motion = KeyMotion(4)
    for key in range(3):
        motion.add(key, as_frame(shifted(4 * key), key, SYSTEM_CLOCK))
    middle = motion.at(2).to_before[40:140, 60:260]
    assert middle[..., 0].mean() == pytest.approx(-4, abs=0.2)
    assert middle[..., 1].mean() == pytest.approx(0, abs=0.2)


def test_nothing_moves_to_or_from_a_damaged_frame() -> None:
    motion = KeyMotion(4)
    for key in range(3):
        frame = as_frame(shifted(4 * key), key, SYSTEM_CLOCK)
        motion.add(key, replace(frame, damaged=key == 1))
        if key:
            assert not motion.at(key).to_before.any()


def test_what_was_found_is_found_again_the_same() -> None:
    motion = KeyMotion(6)
    found = []
    for key in range(5):
        motion.add(key, as_frame(shifted(3 * key), key, SYSTEM_CLOCK))
        if key:
            found.append(motion.at(key).to_before)
    assert all(np.array_equal(motion.at(key).to_before, found[key - 1]) for key in range(1, 5))


@pytest.mark.parametrize("size", [(2160, 3840), (1080, 1920), (360, 640), (64, 96), (1920, 1080)])
def test_small_pictures_keep_their_aspect(size: tuple[int, int]) -> None:
    height, width = small_size(size, PIXELS)
    assert height * width <= min(PIXELS, size[0] * size[1])
    assert width / height == pytest.approx(size[1] / size[0], rel=0.02)
    assert to_grey(np.zeros((*size, 3), np.uint8)).shape == (height, width)
