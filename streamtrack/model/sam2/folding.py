"""Two linear maps in a row as one, made once: fewer products, and no other numbers but for rounding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Affine = tuple[Tensor, Tensor]
"""Weight and bias, as `F.linear` or `F.conv2d` take them."""


@torch.no_grad()
def fold_linear(inner: nn.Linear, outer: nn.Linear) -> Affine:
    """`outer` of `inner`."""
    return _fold(inner, outer, inner.weight, outer.weight)


@torch.no_grad()
def fold_pointwise(inner: nn.Conv2d, outer: nn.Conv2d) -> Affine:
    """`outer` of `inner`, both convolutions of single pixels."""
    weight, bias = _fold(inner, outer, inner.weight[:, :, 0, 0], outer.weight[:, :, 0, 0])
    return weight[:, :, None, None], bias


def _fold(inner: nn.Linear | nn.Conv2d, outer: nn.Linear | nn.Conv2d, first: Tensor, then: Tensor) -> Affine:
    """In float64, rounded once."""
    weight = then.double() @ first.double()
    bias = torch.zeros(len(then), dtype=weight.dtype, device=weight.device)
    if inner.bias is not None:
        bias = bias + then.double() @ inner.bias.double()
    if outer.bias is not None:
        bias = bias + outer.bias.double()
    return weight.to(first.dtype), bias.to(first.dtype)
