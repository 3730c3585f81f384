"""Pictures whose pixels are ids, in DAVIS's palette."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamtrack.errors import PublishError
from streamtrack.offline.exporters import find_exporters
from streamtrack.offline.exporters.indexed import davis_palette
from tests.support.exports import GONE, box_mask, export, run_for
from tests.support.recordings import update


def test_pixels_are_ids_under_davis_colours_and_the_lowest_lies_on_top(tmp_path: Path) -> None:
    objects = [box_mask(0, 0, 40, 40, 2), box_mask(20, 20, 60, 60, 1), box_mask(100, 0, 110, 9, 255)]
    export("indexed", tmp_path, update(0, objects=objects), update(4, objects=[GONE]), update(5))
    with Image.open(tmp_path / "indexed" / "00000.png") as picture:
        assert (picture.mode, picture.size) == ("P", (320, 192))
        labels, shown = np.asarray(picture), np.asarray(picture.convert("RGB"))
    assert (labels[5, 5], labels[30, 30], labels[50, 50], labels[3, 103]) == (2, 1, 1, 255)
    assert set(np.unique(labels)) == {0, 1, 2, 255}
    # DAVIS's own: 0 black, 1 dark red, 2 dark green, 255 white-grey.
    assert [tuple(shown[y, x]) for y, x in ((190, 300), (30, 30), (5, 5), (3, 103))] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (224, 224, 192),
    ]
    for name in ("00004.png", "00005.png"):
        with Image.open(tmp_path / "indexed" / name) as empty:
            assert not np.asarray(empty).any()


def test_palette_is_that_of_pascal_voc() -> None:
    palette = np.frombuffer(davis_palette(), np.uint8).reshape(256, 3)
    assert palette[3].tolist() == [128, 128, 0]
    assert palette[20].tolist() == [0, 64, 128]
    assert len({tuple(colour) for colour in palette.tolist()}) == 256


def test_id_above_255_makes_a_grey_picture_of_16_bits_and_is_told(tmp_path: Path) -> None:
    exporter = export("indexed", tmp_path, update(0, objects=[box_mask(0, 0, 9, 9, 300)]))
    with Image.open(tmp_path / "indexed" / "00000.png") as picture:
        assert picture.mode.startswith("I;16")
        assert np.asarray(picture)[4, 4] == 300
    assert exporter.notes() == ("1 pictures in indexed/ of 16 bits and no palette (ids above 255)",)


@pytest.mark.parametrize("object_id", [0, 65_536])
def test_id_that_no_pixel_can_hold_is_refused_before_anything_is_tracked(
    tmp_path: Path, object_id: int
) -> None:
    run = run_for(tmp_path)
    object.__setattr__(run, "object_ids", (object_id,))
    with pytest.raises(PublishError, match=f"object {object_id} cannot be a pixel, expected ids from 1 to"):
        find_exporters()["indexed"].check(run)
    run.folder.close()
