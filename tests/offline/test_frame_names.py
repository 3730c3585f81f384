"""Names of frames: the source's own where they are one each, numbers else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from streamtrack.config import SourceConfig
from streamtrack.ingest import resolve_source
from streamtrack.offline.frame_names import FrameNames, names_of


def test_film_has_numbers() -> None:
    names = FrameNames()
    assert (names.name(7), names.file_name(7)) == ("00007", "")
    assert names.name(123_456) == "123456"


def test_pictures_keep_their_names_and_no_two_share_one() -> None:
    files = ("dog.jpg", "cat.PNG", "Cat.png", "a.jpg", "a.png", "scan.tif", "scan.tif")
    names = FrameNames(files)
    assert names.file_name(0) == "dog.jpg"
    made = [names.name(index) for index in range(len(files))]
    assert made[0] == "dog"
    assert made[3:] == ["a.jpg", "a.png", "scan_00005", "scan_00006"]
    assert len({name.lower() for name in made}) == len(files)


def test_no_name_is_that_of_another_frame_however_they_are_called() -> None:
    files = ("a.jpg", "a.png", "a.jpg.png", "x\ny.png", "00003.png", "00003.jpg", "A.JPG.tif")
    names = FrameNames(files)
    made = [names.name(index).lower() for index in range(len(files))]
    assert len(set(made)) == len(files)
    assert made[3] == "00003"


def test_name_that_is_no_text_is_told_readably_and_its_files_are_numbered() -> None:
    names = FrameNames(("z\udcff.png", "a\nb.png", "ü'x.PNG"))
    assert [names.file_name(index) for index in range(3)] == ["z\\xff.png", "a\nb.png", "ü'x.PNG"]
    assert [names.name(index) for index in range(3)] == ["00000", "00001", "ü'x"]


def test_folder_is_listed_in_the_order_of_its_frames(tmp_path: Path) -> None:
    for name in ("frame10.png", "frame9.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    names = names_of(resolve_source(SourceConfig(url=str(tmp_path))))
    assert [names.name(index) for index in range(2)] == ["frame9", "frame10"]
    scene = names_of(resolve_source(SourceConfig(url="synthetic:demo")))
    assert scene.name(0) == "00000"
