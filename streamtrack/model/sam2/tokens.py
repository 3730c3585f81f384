"""Feature maps as rows of tokens, and back."""

from __future__ import annotations

from torch import Tensor

from streamtrack.model.interface import Size


def to_tokens(feature_map: Tensor) -> Tensor:
    """(B, C, H, W) to (B, H * W, C)."""
    return feature_map.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, grid: Size) -> Tensor:
    """(B, H * W, C) to (B, C, H, W); `grid` is H, W."""
    batch, _, width = tokens.shape
    return tokens.transpose(1, 2).reshape(batch, width, *grid)
