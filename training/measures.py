"""Figures of merit: overlap of masks, and how well a score tells two classes apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def region_similarity(mask: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """J of DAVIS: intersection over union; 1 where both are empty."""
    union = int((mask | truth).sum())
    return float((mask & truth).sum() / union) if union else 1.0


def roc_auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a random positive scores above a random negative; ties count half.

    Raises:
        ValueError: one of the classes is empty.
    """
    if not positive or not negative:
        raise ValueError(f"roc_auc: {len(positive)} positive and {len(negative)} negative scores")
    order = np.sort(np.asarray(negative, np.float64))
    values = np.asarray(positive, np.float64)
    below = np.searchsorted(order, values, "left")
    not_above = np.searchsorted(order, values, "right")
    return float((below + not_above).mean() / 2 / len(order))
