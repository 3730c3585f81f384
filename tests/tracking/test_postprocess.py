from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from streamtrack.tracking.postprocess import EMPTY_BOX, crop_mask


def upscale(logits: np.ndarray, frame_size: tuple[int, int]) -> np.ndarray:
    full = F.interpolate(torch.from_numpy(logits)[None, None], size=frame_size, mode="bilinear")
    return full[0, 0].numpy()


@given(
    seed=st.integers(0, 2**16),
    bias=st.floats(-3, 3),
    side=st.sampled_from([8, 32, 64]),
    frame_size=st.tuples(st.integers(5, 130), st.integers(5, 130)),
)
def test_crop_equals_the_upscaled_whole(
    seed: int, bias: float, side: int, frame_size: tuple[int, int]
) -> None:
    logits = np.random.default_rng(seed).normal(bias, 1, (side, side)).astype(np.float32)
    full = upscale(logits, frame_size)
    crop, (x0, y0, x1, y1) = crop_mask(logits, frame_size)
    pasted = np.zeros(frame_size, np.bool_)
    pasted[y0:y1, x0:x1] = crop
    # float32 weights in another order may tip a pixel whose logit is zero to the last bit, and no other.
    assert not ((pasted != (full > 0)) & (np.abs(full) > 1e-5)).any()


@pytest.mark.parametrize("corner", [(0, 0), (0, 63), (63, 0), (63, 63), (20, 41)])
def test_single_positive_logit_is_found_at_every_place(corner: tuple[int, int]) -> None:
    logits = np.full((64, 64), -1, np.float32)
    logits[corner] = 3
    crop, (x0, y0, x1, y1) = crop_mask(logits, (360, 640))
    assert crop.shape == (y1 - y0, x1 - x0)
    assert crop.sum() == (upscale(logits, (360, 640)) > 0).sum() > 0
    assert crop.any(axis=0).all()
    assert crop.any(axis=1).all()


def test_no_positive_logit_gives_an_empty_mask() -> None:
    crop, box = crop_mask(np.full((64, 64), -1024, np.float32), (90, 160))
    assert (crop.shape, box) == ((0, 0), EMPTY_BOX)


def test_positive_logit_between_pixels_of_a_small_frame_gives_an_empty_mask() -> None:
    logits = np.full((64, 64), -50, np.float32)
    logits[32, 32] = 0.01
    crop, box = crop_mask(logits, (7, 7))
    assert (crop.size, box) == (0, EMPTY_BOX)
