"""Layers of a photo: on frame 0 they make the photo again, later the object moves by itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.image_files import read_image
from training.layers import OwnMotion, draw_object, split

STILL = np.array([[1.0, 0, 0], [0, 1, 0]])
"""A camera that shows the photo as it is."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """128 x 128, a red disk of radius 20 on green."""
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[..., 1] = 120
    labels = np.zeros((128, 128), np.uint8)
    cv2.circle(picture, (64, 64), 20, (0, 0, 220), -1)
    cv2.circle(labels, (64, 64), 20, 1, -1)
    path = tmp_path / "photo.png"
    cv2.imwrite(str(tmp_path / "photo.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
    cv2.imwrite(str(path), labels)
    return tmp_path / "photo.jpg"


def drawn(photo: Path, t: int) -> tuple[np.ndarray, np.ndarray]:
    layers = split(photo, 1)
    frame, ids = layers.background.copy(), np.zeros((128, 128), np.int32)
    motion = OwnMotion(velocity=np.array([0.1, 0.0]), spin=0.0, zoom=1.0, wave=None)
    draw_object(frame, ids, layers, motion, STILL, t, 1)
    return frame, ids


def test_first_frame_is_the_photo_and_its_labels(photo: Path) -> None:
    frame, ids = drawn(photo, 0)
    truth = read_image(photo.with_suffix(".png"), cv2.IMREAD_GRAYSCALE)

    assert np.abs(frame.astype(int) - read_image(photo)[..., ::-1]).mean() < 3
    assert ((ids == 1) & (truth == 1)).sum() / ((ids == 1) | (truth == 1)).sum() > 0.97


def test_object_moves_and_leaves_background_behind(photo: Path) -> None:
    longer_side = 41 + 2 * 7  # the disk with its margin
    frame, ids = drawn(photo, 5)

    assert np.nonzero(ids)[1].mean() == pytest.approx(64 + 5 * 0.1 * longer_side, abs=1.5)
    assert frame[64, 48, 1] > frame[64, 48, 0]  # green where the disk was
