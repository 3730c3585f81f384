"""How an object looks: pooled features that tell textures apart, wherever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamtrack.engine.appearance import alike, pool_appearance


def test_pooled_is_the_mean_under_the_mask_without_that_of_the_map() -> None:
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, :, :2], features[0, 1, :, 2:] = 1.0, 3.0
    logits = torch.full((1, 8, 8), -1.0)
    logits[0, :, :4] = 1.0
    # Under the mask (1, 0), of the map (0.5, 1.5): what is left is (0.5, -1.5), of length 1.
    expected = np.array([0.5, -1.5]) / np.hypot(0.5, 1.5)
    assert pool_appearance(features, logits)[0].numpy() == pytest.approx(expected, abs=1e-6)


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
    assert looks.tolist() == [[0.0] * 4]
    assert alike(looks[0].numpy(), looks[0].numpy()) == 0.0
