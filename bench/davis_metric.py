"""The measures of DAVIS: region J, boundary F, and their mean, recall and decay over a sequence.

Written after the definition (Perazzi et al., CVPR 2016, and the benchmark's published evaluation code). The
one kept package on PyPI, vos-benchmark, asks for opencv-python, which overwrites the headless build.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from streamtrack.frame import BoolMask

BOUNDARY_TOLERANCE = 0.008
"""How far a boundary may be off and still match, as a share of the picture's diagonal."""
RECALL_ABOVE = 0.5
DECAY_QUARTERS = 4


@dataclass(frozen=True)
class Statistics:
    """One measure over a sequence."""

    mean: float
    recall: float
    """Share of frames above RECALL_ABOVE."""
    decay: float
    """First quarter's mean less the last quarter's: what is lost on the way."""


def boundary_measure(mask: BoolMask, truth: BoolMask) -> float:
    """F of DAVIS: how well two (H, W) outlines match within the tolerance, 0 to 1; 1 where both are empty."""
    ours, theirs = outline(mask), outline(truth)
    num_ours, num_theirs = np.count_nonzero(ours), np.count_nonzero(theirs)
    if num_ours == 0 or num_theirs == 0:
        return float(num_ours == num_theirs)
    disk = _disk(math.ceil(BOUNDARY_TOLERANCE * math.hypot(*mask.shape)))
    precision = np.count_nonzero(ours & _dilate(theirs, disk)) / num_ours
    recall = np.count_nonzero(theirs & _dilate(ours, disk)) / num_theirs
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: BoolMask) -> BoolMask:
    """Pixels of an (H, W) mask that differ from the pixel to the right, below, or both: one pixel wide."""
    # The last row and column have no such neighbour: repeated, they differ from nothing.
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    edges = (mask ^ padded[:-1, 1:]) | (mask ^ padded[1:, :-1]) | (mask ^ padded[1:, 1:])
    return np.asarray(edges, np.bool_)


def statistics(per_frame: Sequence[float]) -> Statistics:
    """Mean, recall and decay of the scored frames, which leave out the sequence's first and last.

    Raises:
        ValueError: there are fewer frames than quarters.
    """
    values = np.asarray(per_frame, np.float64)
    if len(values) < DECAY_QUARTERS:
        raise ValueError(f"{len(values)} scored frames, expected {DECAY_QUARTERS} or more")
    # Neighbouring quarters share their border frame, as in the benchmark's own code.
    borders = np.round(np.linspace(1, len(values), DECAY_QUARTERS + 1) + 1e-10).astype(int) - 1
    first, last = values[: borders[1] + 1], values[borders[-2] :]
    return Statistics(
        mean=float(values.mean()),
        recall=float((values > RECALL_ABOVE).mean()),
        decay=float(first.mean() - last.mean()),
    )


def _disk(radius: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius, np.uint8)


def _dilate(mask: BoolMask, disk: npt.NDArray[np.uint8]) -> BoolMask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disk), np.bool_)
