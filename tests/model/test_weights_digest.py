"""The name of a network's numbers."""

from __future__ import annotations

import torch
from torch import nn

from streamtrack.model.weights_digest import weights_sha256


def linear(weight: float, dtype: torch.dtype = torch.float32) -> nn.Module:
    module = nn.Linear(2, 1, bias=False)
    module.weight.data.fill_(weight)
    return module.to(dtype)


def test_the_same_numbers_have_the_same_name_and_others_another() -> None:
    assert weights_sha256(linear(0.5)) == weights_sha256(linear(0.5))
    assert len(weights_sha256(linear(0.5))) == 64
    assert weights_sha256(linear(0.5)) != weights_sha256(linear(0.25))
    assert weights_sha256(linear(0.5)) != weights_sha256(linear(0.5, torch.bfloat16))
    assert weights_sha256(nn.Sequential(linear(0.5))) != weights_sha256(linear(0.5))


def test_it_is_computed_once_and_keeps_no_network() -> None:
    module = linear(0.5)
    known = weights_sha256(module)
    module.get_parameter("weight").data.fill_(0.25)
    assert weights_sha256(module) == known
