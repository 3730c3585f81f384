"""Films in any order of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from streamtrack.errors import ShapeError, SourceError
from streamtrack.frame import Image
from streamtrack.offline.film import FolderFilm, open_film
from streamtrack.offline.film_video import VideoFilm

NUM_FRAMES = 40


def grey(index: int) -> Image:
    """A picture that tells its number."""
    return np.full((48, 64, 3), 40 + 4 * index, np.uint8)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Groups of 12 pictures, with B-frames, so that pictures are not decoded in the order they are shown."""
    path = tmp_path_factory.mktemp("film") / "grey.mp4"
    with av.open(str(path), "w") as container:
        options = {"g": "12", "bf": "2", "crf": "4", "preset": "ultrafast", "x264-params": "bframes=2"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(NUM_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey(index), format="rgb24")))
        container.mux(stream.encode())
    return path


def number_of(image: Image) -> int:
    return round((float(image.mean()) - 40) / 4)


@pytest.mark.parametrize(
    "order",
    [range(NUM_FRAMES), range(NUM_FRAMES - 1, -1, -1), (30, 2, 3, 39, 39, 0, 17, 13, 14, 25)],
    ids=["forward", "backward", "any"],
)
def test_any_frame_is_the_one_with_its_number(video: Path, order: Sequence[int]) -> None:
    film = open_film(video)
    assert isinstance(film, VideoFilm)
    assert (film.num_frames, film.frame_size) == (NUM_FRAMES, (48, 64))
    for frame_idx in order:
        read = list(film.read(frame_idx, before=5))
        assert [number_of(image) for _, image in read] == [index for index, _ in read]
        assert read[-1][0] == frame_idx
        assert len(read) <= 6


def test_a_group_of_pictures_is_decoded_once_for_several_frames(video: Path) -> None:
    film = VideoFilm(video)
    assert [index for index, _ in film.read(22, before=31)] == list(range(12, 23))


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
