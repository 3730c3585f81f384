"""A part of the picture is the picture, on every way from a source to a frame."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from streamtrack.config import SourceConfig
from streamtrack.errors import SourceError
from streamtrack.ingest import FrameReader, SourceState, iter_frames
from streamtrack.ingest.film_reader import FilmReader
from tests.support.ingest import running, wait_until

SCENE = "synthetic:crossing?width=192&height=108&frames=4"
CROP = (40, 20, 140, 100)


def part(array: Any) -> Any:
    return array[20:100, 40:140]


def test_a_reader_gives_the_part_with_its_true_masks_and_tells_its_size() -> None:
    with (
        FrameReader(SourceConfig(url=SCENE)) as whole,
        FrameReader(SourceConfig(url=SCENE, crop=CROP)) as cut,
    ):
        assert (cut.info.width_px, cut.info.height_px) == (100, 80)
        for frame, expected in zip(cut, whole, strict=True):
            np.testing.assert_array_equal(frame.image, part(expected.image))
            assert frame.image.flags.c_contiguous
            assert frame.ground_truth is not None
            assert expected.ground_truth is not None
            for object_id, mask in frame.ground_truth.items():
                np.testing.assert_array_equal(mask, part(expected.ground_truth[object_id]))


def test_a_film_is_cropped_in_both_directions(clip: Path) -> None:
    first = next(iter_frames(SourceConfig(url=str(clip))))
    crop = (8, 4, first.width_px - 8, first.height_px - 4)
    film = FilmReader(SourceConfig(url=str(clip), crop=crop))
    forward = list(film.frames(range(4)))
    backward = list(film.frames(range(3, -1, -1)))
    assert [frame.seq for frame in backward] == [3, 2, 1, 0]
    for ahead, back in zip(forward, reversed(backward), strict=True):
        assert ahead.image.shape == (first.height_px - 8, first.width_px - 16, 3)
        np.testing.assert_array_equal(ahead.image, back.image)
    np.testing.assert_array_equal(forward[0].image, first.image[4:-4, 8:-8])


def test_a_crop_is_of_the_picture_as_it_is_decoded(clip: Path) -> None:
    config = SourceConfig(url=str(clip), max_width_px=64)
    small = next(iter_frames(config))
    cut = next(iter_frames(config.model_copy(update={"crop": (0, 0, 32, 20)})))
    np.testing.assert_array_equal(cut.image, small.image[:20, :32])


def test_a_part_that_is_not_inside_is_refused_in_one_line() -> None:
    with pytest.raises(SourceError) as refused:
        list(islice(iter_frames(SourceConfig(url=SCENE, crop=(100, 0, 200, 100))), 1))
    assert re.fullmatch(r"source \S+: crop is 100, 0, 200, 100, expected .* 192x108", str(refused.value))


def test_a_running_source_gives_the_part_and_fails_where_there_is_none(clip: Path) -> None:
    with running(SourceConfig(url=str(clip), crop=(0, 0, 32, 24))) as source:
        assert source.next_frame().image.shape == (24, 32, 3)
    with running(SourceConfig(url=str(clip), crop=(0, 0, 9000, 24))) as source:
        wait_until(lambda: source.ingest.state is SourceState.FAILED, "the source fails")
        assert "crop is 0, 0, 9000, 24, expected" in str(source.ingest.last_error)


@pytest.mark.parametrize(
    "crop", [(50, 0, 50, 80), (80, 0, 40, 80), (0, 0, 8, 80), (-1, 0, 80, 80), (0, 0, 80)]
)
def test_a_rectangle_that_is_none_is_refused(crop: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="crop"):
        SourceConfig.model_validate({"url": SCENE, "crop": crop})
