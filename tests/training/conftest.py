"""A working folder with a handful of pictures, in the layout that `training.build` writes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two photos and cut-outs for each half of the split, one labelled photo, no tracks."""
    rng = np.random.default_rng(0)
    for folder in ("photos", "cutouts/stamps", "labelled/objects"):
        (tmp_path / folder).mkdir(parents=True)
    for index in range(3):
        photo = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), (640, 480))
        cv2.imwrite(str(tmp_path / "photos" / f"{index:05d}.jpg"), photo)
        cv2.imwrite(str(tmp_path / "labelled/objects" / f"{index:05d}.jpg"), photo)
        labels = np.zeros((480, 640), np.uint8)
        cv2.circle(labels, (320, 240), 90, 1, -1)
        cv2.imwrite(str(tmp_path / "labelled/objects" / f"{index:05d}.png"), labels)
        cut = np.zeros((80, 60, 4), np.uint8)
        cut[..., :3] = rng.integers(0, 256, 3)
        cv2.ellipse(cut, (30, 40), (28, 38), 0, 0, 360, (0, 120, 255, 255), -1)
        cv2.imwrite(str(tmp_path / "cutouts/stamps" / f"{index:05d}.png"), cut)
    return tmp_path
