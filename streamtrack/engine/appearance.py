"""How an object looks, as one vector: the encoder's features pooled under its mask, above and below.

Two people have a head and legs; what differs is the shirt and the trousers. So the upper and the lower half
of the mask are pooled apart. The mean of the whole map is taken off first: what all of a picture shares says
nothing of an object. Vectors are of length 1: their scalar product is the mean of the two halves' cosines.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Appearance = NDArray[np.float32]
"""(2C,) of length 1, the upper half first; zeros where there was no mask."""


def pool_appearance(features: Tensor, logits: Tensor) -> Tensor:
    """(B, 2C) float32: how B objects look, each row of length 1 or, for an empty mask, 0.

    Args:
        features: (1, C, rows, columns), the encoder's coarsest map.
        logits: (B, h, w) mask logits of the same picture or window.
    """
    rows, columns = features.shape[-2:]
    cover = F.interpolate((logits > 0).to(torch.float32)[:, None], size=(rows, columns), mode="area")[:, 0]
    # Of each row of cells the share that lies in the upper half of the mask, by area.
    mass = cover.sum(dim=2)
    above = mass.cumsum(dim=1) - mass
    upper = ((mass.sum(dim=1, keepdim=True) / 2 - above) / mass.clamp(min=1e-6)).clamp(0, 1)[..., None]
    weights = torch.stack((cover * upper, cover * (1 - upper)), dim=1).flatten(2)
    tokens = features[0].flatten(1).to(torch.float32)
    centred = tokens - tokens.mean(dim=1, keepdim=True)
    halves = F.normalize(weights @ centred.T, dim=2)
    return F.normalize(halves.flatten(1), dim=1)


def alike(first: Appearance, second: Appearance) -> float:
    """Cosine of two appearances, -1 to 1; 0 where either had no mask, or they are of two networks."""
    return float(first @ second) if first.shape == second.shape else 0.0
