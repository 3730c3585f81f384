"""Which of the things in a clip are tracked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.paste import OCCLUDER_ID, IdMap, box_fill

MIN_TARGET_SHARE = 0.004
"""A target covers at least this share of what the network sees of the first frame."""
MIN_CANVAS_SHARE = 0.0012
"""And at least this of the canvas, where it is seen through a window: nine pixels squared of 256."""
MAX_TARGET_SHARE = 0.7


def pick_one(ids: IdMap, rng: np.random.Generator) -> int | None:
    """The id of an object to look at through a window, the larger the likelier; None: there is none."""
    values, shares = _fit(ids, MIN_CANVAS_SHARE)
    if not len(values):
        return None
    weight = shares**0.25 * _openness(ids, values)
    return int(rng.choice(values, p=weight / weight.sum()))


def pick_targets(
    ids: IdMap, num_targets: int, rng: np.random.Generator, first: int | None = None
) -> npt.NDArray[np.bool_] | None:
    """Masks (K, T, S, S) of objects that are visible on the first of (T, S, S) ids; None where none is.

    Args:
        ids: of all frames.
        num_targets: how many; fewer objects are repeated.
        rng: who chooses.
        first: an id that must be among them.
    """
    values, shares = _fit(ids[0], MIN_TARGET_SHARE)
    if not len(values) or (first is not None and first not in values):
        return None
    # Slivers that an occluder left are no objects to learn from: the larger, the likelier.
    weight = np.sqrt(shares) * _openness(ids[0], values)
    chosen = rng.choice(values, num_targets, replace=len(values) < num_targets, p=weight / weight.sum())
    if first is not None and first not in chosen:
        chosen[0] = first
    return np.stack([ids == value for value in chosen])


def _openness(ids: IdMap, values: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Much for who leaves its box mostly empty: who learns from compact things alone fills every box."""
    return np.array([1.15 - box_fill(ids == value) for value in values])


def _fit(ids: IdMap, least_share: float) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Ids that may be tracked from a frame on, and the share of the frame that each covers."""
    values, counts = np.unique(ids, return_counts=True)
    shares = counts / ids.size
    fit = (values > 0) & (values != OCCLUDER_ID) & (shares >= least_share) & (shares <= MAX_TARGET_SHARE)
    return values[fit], shares[fit]
