"""The real-time forks' predictor, whose film has no end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from streamtrack.compat.sam2 import SAM2CameraPredictor, SAM2VideoPredictor
from streamtrack.errors import PromptError, ShapeError
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from tests.support.pictures import ellipse


def test_frames_that_come_one_by_one_are_followed_as_a_film(
    model: LoadedModel, images: Sequence[Image]
) -> None:
    camera, film = SAM2CameraPredictor(model), SAM2VideoPredictor(model)
    state = film.init_state(images)
    camera.load_first_frame(images[0])
    frame_idx, ids, logits = camera.add_new_prompt(0, 1, points=[[100, 80]], labels=[1])
    assert (frame_idx, ids, logits.shape) == (0, [1], (1, 1, 180, 320))
    camera.add_new_mask(0, 3, ellipse((60, 120), (40, 25)))
    film.add_new_points_or_box(state, 0, 1, points=[[100, 80]], labels=[1])
    film.add_new_mask(state, 0, 3, ellipse((60, 120), (40, 25)))
    for index, ids_there, logits_there in film.propagate_in_video(state, max_frame_num_to_track=9):
        if index == 0:
            continue
        ids, logits = camera.track(images[index])
        assert (camera.frame_idx, ids) == (index, ids_there)
        np.testing.assert_allclose(logits, logits_there, atol=1e-3)


def test_hours_of_corrections_cost_what_a_minute_does(model: LoadedModel, images: Sequence[Image]) -> None:
    camera = SAM2CameraPredictor(model)
    camera.load_first_frame(images[0])
    camera.add_new_prompt(0, 1, bbox=[60, 55, 140, 105])
    for index in range(1, 14):
        camera.track(images[index])
        camera.add_new_points(index, 1, [[100 + 2 * index, 80]], [1])
    camera.finalize()
    assert camera._state is not None
    [prompted] = camera._state.objects.values()
    assert list(prompted.film.conditioning) == [0, *range(7, 14)]
    assert len(prompted.points) <= 1
    assert len(prompted.film.visited) <= 1
    _, logits = camera.track(images[14])
    mask = (logits[0, 0] > 0).numpy()
    there = ellipse((128, 80), (40, 25))
    assert (mask & there).sum() / (mask | there).sum() > 0.6


def test_what_cannot_be_meant(model: LoadedModel, images: Sequence[Image]) -> None:
    camera = SAM2CameraPredictor(model)
    with pytest.raises(PromptError, match=r"^no frame is loaded, expected load_first_frame first$"):
        camera.track(images[0])
    camera.load_first_frame(images[0])
    with pytest.raises(PromptError, match=r"^no object has a prompt"):
        camera.track(images[1])
    with pytest.raises(PromptError, match=r"^frame_idx is 3, expected the newest frame, 0$"):
        camera.add_new_prompt(3, 1, points=[[100, 80]], labels=[1])
    camera.add_new_prompt(0, 1, points=[[100, 80]], labels=[1])
    with pytest.raises(ShapeError, match=r"^frame is \(90, 320\), expected the first frame's \(180, 320\)"):
        camera.track(images[1][:90])
    assert camera.remove_object(1) == []
