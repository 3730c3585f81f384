"""A pack: small, and a working folder again on the other side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.bank import Bank, read_cutout, read_labels
from training.clips import ClipSource, Mixture
from training.pack import pack, packed, unpack


def test_packed_folder_gives_clips_on_the_other_side(work: Path, tmp_path: Path) -> None:
    target, other = tmp_path / "pack.zip", tmp_path / "other"

    size = pack(work, target)
    unpack(target, other)

    here, there = (Bank.open(folder, held_out=False) for folder in (work, other))
    assert size == target.stat().st_size
    assert len(here.photos) == len(there.photos)
    cutout = read_cutout(there.cutouts["stamps"][0])
    assert cutout.shape[2] == 4
    assert {0, 255} <= set(np.unique(cutout[..., 3]))
    labels = read_labels(there.labelled["objects"][0].with_suffix(".png"))
    assert set(np.unique(labels)) == {0, 1}, "labels keep their values"
    clip = ClipSource(other, seed=1, mixture=Mixture(scenes=0)).sample(64, 2, 1)
    assert clip.masks[0, 0].any()


def test_large_picture_is_made_smaller_by_its_shorter_side(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((400, 800, 3), np.uint8))

    suffix, data = packed(tmp_path / "photo.jpg", 200, 50)

    assert suffix == ".jpg"
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (200, 400, 3)


def test_pack_that_cannot_be_small_enough_is_refused_and_leaves_nothing(work: Path, tmp_path: Path) -> None:
    target = tmp_path / "pack.zip"

    with pytest.raises(ValueError, match="MiB at the least quality"):
        pack(work, target, mib=0.001)

    assert not list(tmp_path.glob("pack.*"))
