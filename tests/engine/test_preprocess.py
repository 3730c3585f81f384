"""A picture gives the same numbers however it lies in memory."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from streamtrack.engine.preprocess import to_input
from streamtrack.engine.prompt_input import CheckedPrompt, scale_mask, scale_points
from streamtrack.frame import Image
from tests.support.colour_family import WIDE, ColourFamily

CPU = torch.device("cpu")
PICTURE: Image = np.random.default_rng(3).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def read_only() -> Image:
    picture = PICTURE.copy()
    picture.setflags(write=False)
    return picture


VIEWS = {
    "a BGR picture seen as RGB": np.ascontiguousarray(PICTURE[:, :, ::-1])[:, :, ::-1],
    "upside down twice": np.ascontiguousarray(PICTURE[::-1])[::-1],
    "Fortran order": np.asfortranarray(PICTURE),
    "planes": np.ascontiguousarray(PICTURE.transpose(2, 0, 1)).transpose(1, 2, 0),
    "a part of a larger picture": np.pad(PICTURE, ((1, 2), (3, 4), (0, 0)))[1:-2, 3:-4],
    "every second pixel of a larger picture": PICTURE.repeat(2, 0).repeat(2, 1)[::2, ::2],
    "three of four channels": np.pad(PICTURE, ((0, 0), (0, 0), (0, 1)))[:, :, :3],
    "read-only": read_only(),
}


@pytest.mark.parametrize("input_size", [(48, 64), (32, 32), (40, 96)])
@pytest.mark.parametrize("name", list(VIEWS))
def test_view_gives_what_a_plain_picture_gives(name: str, input_size: tuple[int, int]) -> None:
    view = VIEWS[name]
    assert np.array_equal(view, PICTURE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = to_input(view, input_size, CPU)
    assert found.shape == (1, 3, *input_size)
    assert torch.equal(found, to_input(PICTURE, input_size, CPU))


def test_picture_of_the_input_size_is_not_resampled() -> None:
    found = to_input(PICTURE, (48, 64), CPU)[0]
    assert np.array_equal(found.permute(1, 2, 0).numpy(), PICTURE)


def test_points_are_scaled_along_their_own_axes() -> None:
    backwards = np.array([[12, 32], [24, 64]], np.float32)[:, ::-1]  # y, x read as x, y
    labels = np.array([0, 1], np.int32)[::-1]
    backwards.setflags(write=False)
    prompt = CheckedPrompt(backwards, labels, None, (48, 64))
    coords, found_labels = scale_points(prompt, (96, 64), CPU)
    assert coords.tolist() == [[[32, 24], [64, 48]]]
    assert found_labels.tolist() == [[1, 0]]


def test_mask_gives_the_same_however_it_lies() -> None:
    mask = PICTURE[:, :, 0] > 128
    views = [mask[::-1][::-1], np.asfortranarray(mask), np.pad(mask, 3)[3:-3, 3:-3], mask.copy()]
    views[-1].setflags(write=False)
    network = ColourFamily().make_network(ColourFamily().build_module(WIDE, WIDE.image_size))
    for input_size in ((48, 64), (32, 80)):
        geometry = replace(network.geometry, input_size=input_size)
        expected = scale_mask(mask, geometry)
        assert expected.shape == (1, 1, *input_size)
        for view in views:
            assert torch.equal(scale_mask(view, geometry), expected)
