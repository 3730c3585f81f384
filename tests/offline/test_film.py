"""Films in any order of frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamtrack.errors import ShapeError, SourceError
from streamtrack.frame import Image
from streamtrack.offline.film import FolderFilm, open_film


def grey(index: int) -> Image:
    """A picture that tells its number."""
    return np.full((48, 64, 3), 40 + 4 * index, np.uint8)


def number_of(image: Image) -> int:
    return round((float(image.mean()) - 40) / 4)


def test_a_folder_goes_by_the_numbers(tmp_path: Path) -> None:
    for index in (10, 9, 100):
        cv2.imwrite(str(tmp_path / f"{index}.jpg"), grey(index % 50))
    film = open_film(str(tmp_path))
    assert isinstance(film, FolderFilm)
    found = [number_of(image) for index in range(film.num_frames) for _, image in film.read(index, 0)]
    assert found == [9, 10, 0]


def test_frames_of_an_array_or_a_list() -> None:
    for frames in (np.stack([grey(0), grey(1)]), [grey(0), grey(1)]):
        film = open_film(frames)
        [(index, image)] = film.read(1, 31)
        assert (film.num_frames, film.frame_size, index, number_of(image)) == (2, (48, 64), 1, 1)


def test_what_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4: no such file or folder$"):
        open_film(tmp_path / "gone.mp4")
    with pytest.raises(SourceError, match=r"no \.jpg, expected pictures named by number$"):
        open_film(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"text\.mp4: not a video that can be read, or damaged$"):
        open_film(tmp_path / "text.mp4")
    (tmp_path / "first.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"first\.jpg, expected names that are numbers, as 00000\.jpg$"):
        open_film(tmp_path)
    (tmp_path / "first.jpg").rename(tmp_path / "1.jpg")
    with pytest.raises(SourceError, match=r"1\.jpg: cannot be read, expected a JPEG$"):
        open_film(tmp_path)
    with pytest.raises(ShapeError, match=r"^frame 0 is \(48, 64\) uint8, expected \(H, W, 3\) uint8 RGB$"):
        open_film([grey(0)[..., 0]])
    with pytest.raises(ShapeError, match=r"^film has no frames"):
        open_film([])
