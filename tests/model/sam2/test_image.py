"""The image encoder with less work against upstream's own way."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch
from torch import nn

from streamtrack.model.families import build_module
from streamtrack.model.sam2.folding import fold_linear, fold_pointwise
from streamtrack.model.sam2.image import ImageEncoder
from streamtrack.weights.catalog import get_entry

ROUNDING = 2e-5
"""Relative to the largest number: float32 sums in another order, through twelve blocks."""


@functools.cache
def module_of(name: str) -> Any:
    """Trunk and neck take pictures of any size."""
    torch.manual_seed(7)
    module: Any = build_module(get_entry(name), 256).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:  # biases are made zero: what pads would weigh nothing
                parameter.add_(0.2 * torch.randn_like(parameter))
    return module


# 352: 22 x 22 tokens in windows of 14, 11 x 11 in windows of 7; 448 x 224: windows fill the map on one side
# only at the coarser strides; 224: they fill it.
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("sam2.1-tiny", (352, 352)),
        ("sam2.1-tiny", (448, 256)),
        ("sam2.1-tiny", (224, 224)),
        ("nano", (96, 160)),
    ],
)
@torch.inference_mode()
def test_maps_are_those_of_upstreams_encoder(name: str, size: tuple[int, int]) -> None:
    module = module_of(name)
    image = torch.randn(1, 3, *size)
    found = ImageEncoder(module, size)(image)
    stride_4, stride_8, stride_16 = module.image_encoder(image)["backbone_fpn"][-3:]
    decoder = module.sam_mask_decoder
    expected = stride_16, decoder.conv_s0(stride_4), decoder.conv_s1(stride_8)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=ROUNDING * float(theirs.abs().max()), rtol=0)


@torch.inference_mode()
def test_neck_of_another_kind_goes_upstreams_way() -> None:
    module = copy.deepcopy(module_of("nano"))
    module.image_encoder.neck.fpn_top_down_levels = [0, 1, 2, 3]
    image = torch.randn(1, 3, 64, 64)
    _, fine, _ = ImageEncoder(module, (64, 64))(image)
    stride_4 = module.image_encoder(image)["backbone_fpn"][-3]
    assert torch.equal(fine, module.sam_mask_decoder.conv_s0(stride_4))


@torch.inference_mode()
def test_two_linear_maps_are_one() -> None:
    torch.manual_seed(3)
    inner, outer = nn.Linear(6, 9), nn.Linear(9, 4)
    x = torch.randn(5, 6)
    torch.testing.assert_close(nn.functional.linear(x, *fold_linear(inner, outer)), outer(inner(x)))
    first, then = nn.Conv2d(6, 9, 1, bias=False), nn.Conv2d(9, 4, 1)
    image = torch.randn(1, 6, 3, 2)
    torch.testing.assert_close(nn.functional.conv2d(image, *fold_pointwise(first, then)), then(first(image)))
