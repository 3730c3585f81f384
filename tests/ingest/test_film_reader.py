"""A recording's frames forward and backward: the same pictures under the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import av
import cv2
import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Frame
from streamtrack.ingest import FilmReader, film_reader
from streamtrack.ingest.av_decoder import AvDecoder
from streamtrack.ingest.film_index import index_times
from tests.support.file_server import FileServer

FRAMES = 50


def write_film(path: Path, *, group: int = 12, b_frames: int = 2) -> Path:
    """A clip whose pictures tell their number, with reordered pictures in each group."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": str(group), "bf": str(b_frames)})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 4 * index, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4")


def told(frames: Iterator[Frame]) -> list[tuple[int, int]]:
    """Each frame's number, and the one that its picture tells."""
    return [(frame.seq, round((float(frame.image.mean()) - 20) / 4)) for frame in frames]


@pytest.mark.parametrize(
    "numbers",
    [range(FRAMES), range(7, 30, 5), range(49, -1, -1), range(40, 9, -7), range(13, 12, -1), range(45, 400)],
)
def test_frames_come_in_the_order_asked_for(film: Path, numbers: range) -> None:
    with mock.patch.object(film_reader, "SPAN_FRAMES", (8, 8)):
        reader = FilmReader(SourceConfig(url=str(film)))
    expected = [number for number in numbers if number < FRAMES]
    assert told(reader.frames(numbers)) == [(number, number) for number in expected]


def test_backward_gives_the_pictures_of_forward_bit_for_bit(film: Path) -> None:
    reader = FilmReader(SourceConfig(url=str(film)))
    forward = list(reader.frames(range(FRAMES)))
    backward = list(reader.frames(range(FRAMES - 1, -1, -1)))
    for there, back in zip(forward, reversed(backward), strict=True):
        assert np.array_equal(there.image, back.image)
        assert (there.seq, there.pts, there.damaged) == (back.seq, back.pts, back.damaged)
    assert FilmReader(SourceConfig(url=str(film))).count_listed() == FRAMES
    assert (reader.count(), reader.count(9)) == (FRAMES, 9)
    assert reader.read(FRAMES) is None


def test_film_behind_an_address_is_wound_back(film: Path) -> None:
    with FileServer(film.read_bytes()).running() as server:
        reader = FilmReader(SourceConfig(url=server.url.replace("file.pt", "film.mp4")))
        assert told(reader.frames(range(30, 20, -1))) == [(number, number) for number in range(30, 20, -1)]


def test_folder_goes_by_its_names_and_tells_them(tmp_path: Path) -> None:
    for index, name in enumerate(("b 2.png", "b 10.png", "a_9.jpg")):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 20 + 4 * index, np.uint8))
    (tmp_path / "b 3.png").write_bytes(b"no picture")
    reader = FilmReader(SourceConfig(url=str(tmp_path)))
    forward, backward = list(reader.frames(range(9))), list(reader.frames(range(3, -1, -1)))
    assert [frame.file_name for frame in forward] == ["a_9.jpg", "b 2.png", "b 3.png", "b 10.png"]
    assert [frame.damaged for frame in forward] == [False, False, True, False]
    for there, back in zip(forward, reversed(backward), strict=True):
        assert np.array_equal(there.image, back.image)
        assert (there.file_name, there.damaged, there.seq) == (back.file_name, back.damaged, back.seq)
    assert reader.count() == 4


def test_packets_that_miscount_are_seen_through_before_a_frame_is_given(film: Path) -> None:
    reader = FilmReader(SourceConfig(url=str(film)))
    times = [512 * number for number in range(2 * FRAMES)]
    with mock.patch.object(film_reader, "index_packets", return_value=index_times(times[1::2], [512])):
        assert [number for number, _ in told(reader.frames(range(20, 15, -1)))] == [20, 19, 18, 17, 16]


def test_film_whose_frames_cannot_be_told_is_refused_in_one_line(film: Path) -> None:
    reader = FilmReader(SourceConfig(url=str(film)))
    with (
        mock.patch.object(AvDecoder, "seek", return_value=None),
        pytest.raises(SourceError, match=r"frames 33 to 40 cannot be read backward: .* expected --direction"),
        mock.patch.object(film_reader, "SPAN_FRAMES", (8, 8)),
    ):
        list(FilmReader(SourceConfig(url=str(film))).frames(range(40, 30, -1)))
    assert reader.count(3) == 3
