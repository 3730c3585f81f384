"""How an object looks, as one vector: the encoder's features pooled under its mask.

The mean of the whole map is taken off first: what all of a picture shares says nothing of an object. Vectors
are of length 1, so that their scalar product is the cosine of the angle between them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Appearance = NDArray[np.float32]
"""(C,) of length 1; zeros where there was no mask."""


def pool_appearance(features: Tensor, logits: Tensor) -> Tensor:
    """(B, C) float32: how B objects look, each row of length 1 or, for an empty mask, 0.

    Args:
        features: (1, C, rows, columns), the encoder's coarsest map.
        logits: (B, h, w) mask logits of the same picture or window.
    """
    rows, columns = features.shape[-2:]
    cover = F.interpolate((logits > 0).to(torch.float32)[:, None], size=(rows, columns), mode="area")
    weights = cover.flatten(1)
    tokens = features[0].flatten(1).to(torch.float32)
    centred = tokens - tokens.mean(dim=1, keepdim=True)
    # The share of each object's mask in a cell; scaling it changes no direction.
    return F.normalize(weights @ centred.T, dim=1)


def alike(first: Appearance, second: Appearance) -> float:
    """Cosine of two appearances, -1 to 1; 0 where either had no mask."""
    return float(first @ second)
