"""A film's inputs: decoded when they are asked for, and a bounded number kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from streamtrack.engine.film_frames import CACHED_FRAMES, FilmFrames, Resampling
from streamtrack.frame import Image


class CountedFilm:
    """Noise, decoded in groups of 10, each frame from its group's first on."""

    num_frames = 200
    frame_size = (48, 64)

    def __init__(self, resampling: Resampling) -> None:
        self.resampling = resampling
        self.decoded = 0

    def read(self, frame_idx: int, before: int) -> Iterator[tuple[int, Image]]:
        for index in range(max(frame_idx // 10 * 10, frame_idx - before), frame_idx + 1):
            self.decoded += 1
            yield index, picture(index)


def picture(index: int) -> Image:
    return np.random.default_rng(index).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def test_backward_each_group_is_decoded_once_and_the_cache_is_bounded() -> None:
    film = CountedFilm("bilinear")
    frames = FilmFrames(film, (32, 32), torch.device("cpu"))
    for index in range(199, -1, -1):
        assert frames(index).shape == (1, 3, 32, 32)
        assert len(frames._cached) <= CACHED_FRAMES
    assert film.decoded == 200


@pytest.mark.parametrize("size", [(32, 32), (96, 96)], ids=["smaller", "larger"])
def test_films_are_resized_as_pillow_does_for_sam2(size: tuple[int, int]) -> None:
    found = FilmFrames(CountedFilm("bicubic"), size, torch.device("cpu"))(3)
    expected = np.asarray(Pillow.fromarray(picture(3)).resize(size))
    difference = np.abs(found[0].permute(1, 2, 0).numpy().astype(int) - expected)
    assert difference.max() <= 1
