"""Prompts in the network's pixels: nothing that was given vanishes on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from streamtrack.engine.prompt_input import CheckedPrompt, scale_mask, scale_points
from streamtrack.frame import BoolMask
from streamtrack.model.interface import Geometry
from tests.support.pictures import ellipse

CPU = torch.device("cpu")
GEOMETRY = Geometry(
    input_size=(256, 256),
    grid=(16, 16),
    low_res_size=(64, 64),
    memory_tokens=256,
    memory_dim=64,
    pointer_dim=128,
    pointer_tokens=2,
    recent_frames=6,
    recent_pointers=15,
    pixel_mean=(0.0, 0.0, 0.0),
    pixel_std=(1.0, 1.0, 1.0),
)


def shown(scaled: torch.Tensor, frame_size: tuple[int, int], geometry: Geometry) -> BoolMask:
    """What the network shows of a mask that it adopts, at the frame's size."""
    low_res = F.interpolate(2 * scaled - 1, size=geometry.low_res_size, mode="bilinear", antialias=True)
    return (F.interpolate(low_res, size=frame_size, mode="bilinear") > 0)[0, 0].numpy()


def drawn(frame_size: tuple[int, int], *slices: tuple[slice, slice]) -> BoolMask:
    mask = np.zeros(frame_size, np.bool_)
    for rows, columns in slices:
        mask[rows, columns] = True
    return mask


def diagonal(side: int) -> BoolMask:
    return np.eye(side, dtype=np.bool_)


THIN = {
    "ball": drawn((480, 640), (slice(240, 246), slice(320, 326))),
    "far ball in 4K": drawn((2160, 3840), (slice(1000, 1016), slice(2000, 2016))),
    "rope": drawn((720, 1280), (slice(100, 102), slice(10, 1200))),
    "pole": drawn((720, 1280), (slice(10, 700), slice(1278, 1280))),
    "one pixel": drawn((720, 1280), (slice(719, 720), slice(0, 1))),
    "one pixel of a small frame": drawn((96, 96), (slice(40, 41), slice(40, 41))),
    "diagonal line": diagonal(256),
    "grid of dots": drawn((512, 512), (slice(0, 512, 16), slice(0, 512, 16))),
    "rope with a knot": drawn(
        (720, 1280), (slice(100, 102), slice(10, 1200)), (slice(90, 115), slice(600, 630))
    ),
}


@pytest.mark.parametrize("name", THIN)
@pytest.mark.parametrize("input_size", [(256, 256), (144, 256)])
def test_what_is_thinner_than_the_networks_pixels_is_kept(name: str, input_size: tuple[int, int]) -> None:
    mask = THIN[name]
    geometry = replace(GEOMETRY, input_size=input_size, low_res_size=(input_size[0] // 4, input_size[1] // 4))
    scaled = scale_mask(mask, geometry)
    assert set(scaled.unique().tolist()) <= {0.0, 1.0}
    seen = shown(scaled, mask.shape, geometry)
    assert (seen & mask).sum() >= 0.5 * mask.sum(), "less than half of it is left"
    # Thicker, but nowhere else: within two of the network's mask pixels.
    height, width = (2 * size / cells for size, cells in zip(mask.shape, geometry.low_res_size, strict=True))
    rows, columns = np.nonzero(mask)
    found_rows, found_columns = np.nonzero(seen)
    assert found_rows.min() >= rows.min() - height
    assert found_rows.max() <= rows.max() + height
    assert found_columns.min() >= columns.min() - width
    assert found_columns.max() <= columns.max() + width


def test_what_the_network_can_see_is_only_resized() -> None:
    mask = ellipse((60, 116), (40, 35))
    full = torch.from_numpy(mask).float()[None, None]
    plain = F.interpolate(full, size=(256, 256), mode="bilinear", antialias=True) >= 0.5
    assert torch.equal(scale_mask(mask, GEOMETRY), plain.float())


def box(corners: tuple[float, float, float, float], frame_size: tuple[int, int]) -> CheckedPrompt:
    coords = np.array(corners, np.float32).reshape(2, 2)
    return CheckedPrompt(coords, np.array([2, 3], np.int32), None, frame_size)


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((100, 100, 200, 200), [[20, 35.5556], [40, 71.1111]]),
        ((100, 100, 101, 200), [[19.6, 35.5556], [20.6, 71.1111]]),
        ((0, 0, 1, 1), [[0, 0], [1, 1]]),
        ((1279, 719, 1280, 720), [[255, 255], [256, 256]]),
    ],
)
def test_a_box_is_never_thinner_than_a_pixel_of_the_network(
    corners: tuple[float, float, float, float], expected: list[list[float]]
) -> None:
    coords, labels = scale_points(box(corners, (720, 1280)), (256, 256), CPU)
    torch.testing.assert_close(coords[0], torch.tensor(expected, dtype=torch.float32), atol=1e-3, rtol=0)
    assert labels.tolist() == [[2, 3]]


def test_points_are_scaled_to_the_input() -> None:
    checked = CheckedPrompt(np.array([[50, 50]], np.float32), np.array([1], np.int32), None, (100, 200))
    coords, labels = scale_points(checked, (1024, 1024), CPU)
    assert coords.tolist() == [[[256.0, 512.0]]]
    assert labels.tolist() == [[1]]


def test_mask_is_scaled_and_cut_at_one_half() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[:, 100:] = True
    scaled = scale_mask(mask, replace(GEOMETRY, input_size=(64, 64), low_res_size=(16, 16)))
    assert scaled.shape == (1, 1, 64, 64)
    assert set(scaled.unique().tolist()) == {0.0, 1.0}
    assert scaled[0, 0, 0].tolist() == [0.0] * 32 + [1.0] * 32
