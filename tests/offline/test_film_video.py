"""A video file in any order of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from streamtrack.offline.film import open_film
from streamtrack.offline.film_video import VideoFilm
from tests.offline.test_film import grey, number_of

NUM_FRAMES = 40


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
