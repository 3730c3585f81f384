"""Mask logits at the size of their pictures, as transformers' processors make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.compat.sam2.film_state import without_overlaps
from streamtrack.engine.clean_mask import find_holes
from streamtrack.errors import ShapeError

FILL_LOGIT = 10.0
"""Above or below the threshold: what small areas are set to."""


def post_process(
    masks: Sequence[Any],
    sizes: Sequence[Sequence[int]],
    *,
    threshold: float,
    binarize: bool,
    max_areas: tuple[float, float],
    without_overlap: bool,
) -> list[Tensor]:
    """Masks of several pictures; see `Sam2VideoProcessor.post_process_masks`.

    Args:
        max_areas: of holes and of specks.
    Raises:
        ShapeError: not as many masks as sizes, or not such masks.
    """
    if len(masks) != len(sizes):
        raise ShapeError(f"masks are of {len(masks)} pictures, expected {len(sizes)}: a size each")
    found = []
    for logits, size in zip(masks, sizes, strict=True):
        planes = torch.from_numpy(logits) if isinstance(logits, np.ndarray) else logits
        if not isinstance(planes, Tensor) or planes.dim() != 4:
            shape = tuple(getattr(planes, "shape", ())) or type(planes).__name__
            raise ShapeError(f"masks are {shape}, expected (N, C, h, w) logits")
        planes = _clean(planes, threshold, max_areas)
        planes = F.interpolate(planes, size=list(size), mode="bilinear")
        if without_overlap:
            planes = without_overlaps(planes)
        found.append(planes > threshold if binarize else planes)
    return found


def read_sizes(original_sizes: Any) -> list[list[int]]:
    """H, W of each picture, as plain numbers.

    Raises:
        ShapeError: something else.
    """
    if original_sizes is None:
        return []
    try:
        sizes = [[int(side) for side in size] for size in original_sizes]
    except (TypeError, ValueError):
        raise ShapeError(f"original_sizes are {original_sizes!r}, expected H, W of each picture") from None
    if any(len(size) != 2 or min(size) < 1 for size in sizes):
        raise ShapeError(f"original_sizes are {sizes}, expected H, W of each picture")
    return sizes


def _clean(logits: Tensor, threshold: float, max_areas: tuple[float, float]) -> Tensor:
    """Fill small holes, then remove small specks."""
    for area, sign in zip(max_areas, (1, -1), strict=True):
        if area < 1:
            continue
        objects = ((logits > threshold) if sign > 0 else (logits <= threshold)).flatten(0, 1).cpu().numpy()
        small = np.stack([find_holes(mask, int(area)) for mask in objects]).reshape(logits.shape)
        logits = logits.masked_fill(torch.from_numpy(small).to(logits.device), threshold + sign * FILL_LOGIT)
    return logits
