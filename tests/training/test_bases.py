"""Bases: drawn through a window they show the same things as in the whole picture, nearer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.bank import Track
from training.bases import Base, PhotoBase, RenderedBase, TrackBase, cropped, fitted, mirrored
from training.views import Window, compose, whole_view


def _holds_alike(base: Base) -> None:
    _, ids = base.draw(0, whole_view(64, 64), 64)
    window = Window(np.array([32.0, 32.0]), 32.0)
    frame, near = base.draw(0, window.view(64), 64)
    enlarged = cv2.resize(ids[16:48, 16:48].astype(np.uint8), (64, 64), interpolation=cv2.INTER_NEAREST)
    assert frame.shape == (64, 64, 3)
    assert (enlarged != near).mean() < 0.06, "outlines alone differ, by the pixels of the small one"
    assert (near > 0).mean() > 0.1


def test_photo_and_rendered_frames_are_seen_alike_through_a_window() -> None:
    labels = np.zeros((64, 64), np.uint8)
    cv2.circle(labels, (30, 34), 12, 3, -1)
    picture = np.dstack([labels * 40] * 3)
    identity = np.array([[1.0, 0, 0], [0, 1.0, 0]])

    _holds_alike(PhotoBase(picture, labels, [identity]))
    _holds_alike(RenderedBase([picture], [labels.astype(np.int32)], identity))


def test_real_track_is_seen_alike_through_a_window(tmp_path: Path) -> None:
    mask = np.zeros((48, 96), np.uint8)
    cv2.circle(mask, (46, 22), 14, 255, -1)
    cv2.imwrite(str(tmp_path / "frame_00000.jpg"), np.dstack([mask] * 3))
    cv2.imwrite(str(tmp_path / "track_00_00000.png"), mask)
    track = Track((tmp_path / "frame_00000.jpg",), (tmp_path / "track_00_00000.png",))

    _holds_alike(TrackBase(track, [0], fitted(96, 48, 64, squash=True)))


def test_picture_fits_the_canvas_squashed_or_true() -> None:
    squashed, true = (fitted(96, 48, 64, squash=squash) for squash in (True, False))

    assert np.allclose(squashed[:, :2] @ [96, 48], 64)
    assert np.allclose(true[:, :2] @ [96, 48], [64, 32])
    assert np.allclose(compose(mirrored(64), mirrored(64)), [[1, 0, 0], [0, 1, 0]])


def test_random_part_holds_the_box() -> None:
    for seed in range(20):
        matrix = cropped((30, 10, 20, 25), (96, 48), np.random.default_rng(seed), 64)
        corners = np.array([[30, 10], [50, 35]]) @ matrix[:, :2].T + matrix[:, 2]
        assert (corners > -2).all()
        assert (corners < 66).all()
