"""Names of transformers and of Meta, both ways."""

from __future__ import annotations

import pytest
import torch

from streamtrack.model.families import build_module
from streamtrack.model.sam2.hub_names import (
    HUB_IMAGE_MATRIX,
    HUB_POINTS,
    IMAGE_MATRIX,
    from_hub,
    is_hub_layout,
    to_hub,
)
from streamtrack.weights.catalog import CATALOG


@pytest.mark.parametrize("name", ["sam2.1-tiny", "sam2-tiny"])
def test_every_tensor_goes_there_and_comes_back(name: str) -> None:
    weights = build_module(CATALOG[name], 128).state_dict()
    named = to_hub(weights)
    assert len(named) == len(weights) - 4 + 2  # four embeddings of points in one, one matrix twice
    assert is_hub_layout(named)
    assert not is_hub_layout(weights)
    back = from_hub(named)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[key], value) for key, value in weights.items())


def test_an_encoding_of_its_own_for_the_image_is_kept() -> None:
    named = to_hub(build_module(CATALOG["sam2.1-tiny"], 128).state_dict())
    named[HUB_IMAGE_MATRIX] = named[HUB_IMAGE_MATRIX] + 1
    weights = from_hub(named)
    assert torch.equal(weights[IMAGE_MATRIX], named[HUB_IMAGE_MATRIX])
    assert to_hub(weights).keys() == named.keys()


def test_unknown_names_and_odd_tables_stay() -> None:
    assert from_hub({"x": torch.zeros(1)}).keys() == {"x"}
    odd = from_hub({HUB_POINTS: torch.zeros(3, 8)})
    assert not any("point_embeddings" in key for key in odd)
