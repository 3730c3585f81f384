"""Pictures and videos as transformers takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from streamtrack.compat.transformers.pictures import (
    as_film,
    as_picture,
    as_pictures,
    from_pixel_values,
    to_pixel_values,
)
from streamtrack.errors import ShapeError, SourceError
from tests.support.pictures import drifting_ellipses

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "wrap",
    [
        Pillow.fromarray,
        torch.from_numpy,
        lambda image: torch.from_numpy(image).permute(2, 0, 1),
        lambda image: image.transpose(2, 0, 1),
        lambda image: image.tolist() and image,
    ],
    ids=["PIL", "tensor", "channels first tensor", "channels first", "array"],
)
def test_a_picture_in_any_container(wrap: Any) -> None:
    (image,) = drifting_ellipses(num_frames=1)
    np.testing.assert_array_equal(as_picture(wrap(image)), image)
    assert len(as_pictures(wrap(image))) == 1
    assert len(as_pictures([wrap(image)] * 3)) == 3


@pytest.mark.parametrize(
    "wrap", [list, np.stack, lambda images: np.stack(images)[None], lambda images: [np.stack(images)]]
)
def test_a_video_in_any_container(wrap: Any) -> None:
    images = drifting_ellipses(num_frames=3)
    film = as_film(wrap(images))
    assert (film.num_frames, film.frame_size) == (3, (180, 320))
    ((index, image),) = film.read(2, 0)
    assert index == 2
    np.testing.assert_array_equal(image, images[2])


def test_a_frame_goes_through_the_processor_and_back_without_loss() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    back = from_pixel_values(to_pixel_values([image], 64, CPU)[0], 64)
    np.testing.assert_array_equal(back[0].permute(1, 2, 0).numpy(), image)


def test_what_is_no_picture_is_one_line() -> None:
    with pytest.raises(ShapeError, match=r"^picture is \(4, 5\) uint8, expected PIL"):
        as_picture(np.zeros((4, 5), np.uint8))
    with pytest.raises(ShapeError, match=r"^picture is \(4, 5, 3\) float32, expected PIL"):
        as_picture(np.zeros((4, 5, 3), np.float32))
    with pytest.raises(ShapeError, match=r"^images are none, expected at least one$"):
        as_pictures([])
    with pytest.raises(ShapeError, match=r"^images are int, expected PIL"):
        as_pictures(3)
    with pytest.raises(ShapeError, match=r"^video is 2 videos, expected 1: a session is of one$"):
        as_film(np.zeros((2, 3, 4, 5, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"^video is int, expected a path or a list of pictures$"):
        as_film(7)
    with pytest.raises(SourceError, match=r"no such file or folder$"):
        as_film("nowhere.mp4")
    with pytest.raises(ShapeError, match=r"^frame is \(3, 32, 32\) torch.float32, expected the processor's"):
        from_pixel_values(torch.zeros(3, 32, 32), 64)
    with pytest.raises(ShapeError, match=r"^frame is ndarray, expected the processor's pixel_values\[0\]"):
        from_pixel_values(np.zeros((3, 64, 64)), 64)
