"""Single frames of a film in any order are those of the film read from its start."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.frame import Frame
from streamtrack.ingest import FilmReader
from streamtrack.pick import seeking
from streamtrack.pick.seeking import SeekingFilm
from tests.support.recordings import FRAMES, write_clip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> FilmReader:
    clip = write_clip(tmp_path_factory.mktemp("film") / "clip.mp4")
    return FilmReader(SourceConfig(url=str(clip)))


@pytest.fixture(scope="module")
def in_order(reader: FilmReader) -> list[Frame]:
    return list(reader.frames(range(FRAMES)))


def test_frames_in_any_order_are_the_films(
    reader: FilmReader, in_order: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeking, "BLOCK_FRAMES", (5, 5))
    film = SeekingFilm(reader)
    assert (film.num_frames, film.frame_size) == (FRAMES, (180, 320))
    for number in (7, 0, 11, 10, 3, 4, 5):
        frame = film.read(number)
        assert frame.seq == number
        assert np.array_equal(frame.image, in_order[number].image)
    assert [frame.seq for frame in film.frames(range(9, 40))] == [9, 10, 11]
    assert (film.count(), film.count(5), film.count(50)) == (FRAMES, 5, FRAMES)
    with pytest.raises(SourceError, match="frame 12 cannot be read, the film has 12"):
        film.read(FRAMES)


def test_film_that_cannot_be_wound_back_is_read_from_its_start(
    reader: FilmReader, in_order: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    backward: list[range] = []
    read = reader.frames

    def forward_only(numbers: range) -> Iterator[Frame]:
        if numbers.step < 0:
            backward.append(numbers)
            raise SourceError("its times do not rise")
        return read(numbers)

    monkeypatch.setattr(reader, "frames", forward_only)
    monkeypatch.setattr(seeking, "BLOCK_FRAMES", (5, 5))
    film = SeekingFilm(reader)
    for number in (8, 2):
        assert np.array_equal(film.read(number).image, in_order[number].image)
    assert len(backward) == 1, "asked once"
