"""A filmed person with alpha: parted into shots, cut to size, left out where an edge cuts the body."""

from __future__ import annotations

import numpy as np

from training.actors import MIN_SHOT, cut, is_whole, shots_of
from training.bank import Image


def _frames(x: int, y: int, count: int) -> list[Image]:
    frames = []
    for t in range(count):
        frame = np.zeros((60, 90, 4), np.uint8)
        frame[y : y + 30, x + t // 4 : x + 12 + t // 4, :] = (90, 120, 200, 255)
        frames.append(frame)
    return frames


def test_film_is_parted_where_the_outline_jumps() -> None:
    film = [*_frames(10, 10, MIN_SHOT), *_frames(50, 10, MIN_SHOT + 3), *_frames(70, 20, 3)]

    assert [len(shot) for shot in shots_of(film)] == [MIN_SHOT, MIN_SHOT + 3], "three frames are no shot"


def test_body_that_the_edge_cuts_is_told() -> None:
    assert is_whole(_frames(10, 10, 4))
    assert not is_whole(_frames(10, 30, 4))


def test_pictures_of_a_shot_have_one_size_that_holds_all() -> None:
    pictures = cut(_frames(10, 10, 9))

    assert {picture.shape for picture in pictures} == {(30, 14, 4)}
    assert [int((picture[..., 3] > 0).sum()) for picture in pictures] == [360] * 9
