"""How an object looks: pooled features that tell textures apart, wherever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamtrack.engine.appearance import alike, pool_appearance


def test_each_half_is_the_mean_under_it_without_that_of_the_map() -> None:
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, :2, :2], features[0, 1, 2:, :2] = 1.0, 3.0
    logits = torch.full((1, 8, 8), -1.0)
    logits[0, :, :4] = 1.0
    # Above (1, 0) and below (0, 3), of the map (0.25, 0.75); each half of length 1, then both together.
    above, below = np.array([0.75, -0.75]), np.array([-0.25, 2.25])
    expected = np.r_[above / np.linalg.norm(above), below / np.linalg.norm(below)] / np.sqrt(2)
    assert pool_appearance(features, logits)[0].numpy() == pytest.approx(expected, abs=1e-6)


def test_the_halves_are_of_equal_area_wherever_the_mask_is() -> None:
    torch.manual_seed(1)
    features = torch.randn(1, 8, 8, 8)
    features[0, :, :, :4] = features[0, :, :, 4:]  # the same on both sides
    left, right = torch.full((2, 1, 16, 16), -1.0)
    left[0, 3:11, 1:6] = right[0, 3:11, 9:14] = 1.0
    assert (
        alike(pool_appearance(features, left)[0].numpy(), pool_appearance(features, right)[0].numpy()) > 0.999
    )


def test_the_same_thing_elsewhere_looks_alike_and_another_does_not() -> None:
    torch.manual_seed(3)
    features = torch.randn(1, 16, 8, 8) * 0.1
    first, second = torch.randn(16, 1, 1), torch.randn(16, 1, 1)
    features[0, :, :3, :3] += first
    features[0, :, 5:, 5:] += first
    features[0, :, :3, 5:] += second
    corners = torch.full((3, 8, 8), -1.0)
    corners[0, :3, :3] = corners[1, 5:, 5:] = corners[2, :3, 5:] = 1.0
    here, again, other = pool_appearance(features, corners).numpy()
    assert alike(here, again) > 0.9
    assert alike(here, other) < 0.5


def test_an_empty_mask_looks_like_nothing() -> None:
    looks = pool_appearance(torch.randn(1, 4, 2, 2), torch.full((1, 4, 4), -1.0))
    assert looks.tolist() == [[0.0] * 8]
    assert alike(looks[0].numpy(), looks[0].numpy()) == 0.0
