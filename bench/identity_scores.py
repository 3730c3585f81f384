"""HOTA, IDF1 and switches of identity, by TrackEval: how well tracks keep who is who.

TrackEval is the reference implementation of HOTA (Luiten et al., IJCV 2021) and has IDF1 (Ristani et al.,
2016) and CLEAR's switches (Bernardin and Stiefelhagen, 2008). It asks for OpenCV's GUI build, of which these
metrics use nothing, so it is installed alone: `pip install --no-deps 'trackeval>=1.3,<2'`.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamtrack.errors import ConfigError
from streamtrack.frame import ObjectMask, masks_iou

INSTALL = "pip install --no-deps 'trackeval>=1.3,<2'"
"""Without its dependencies: OpenCV's GUI build would take the place of the headless one."""

Boxes = NDArray[np.float64]
"""(N, 4) x0, y0, x1, y1."""


@dataclass(frozen=True, slots=True, eq=False)
class IdentityFrame:
    """Who is there on one frame, and what the tracker says."""

    truth_ids: Sequence[int]
    """T ids, each once."""
    found_ids: Sequence[int]
    """F ids, each once."""
    similarity: NDArray[np.float64]
    """(T, F) IoU of boxes or masks, 0 to 1."""


@dataclass(frozen=True, slots=True)
class IdentityScores:
    """All from 0 to 1 but the switches."""

    hota: float
    """Mean over IoU thresholds 0.05 to 0.95."""
    detection: float
    """DetA, how well things are found."""
    association: float
    """AssA, how well they keep their identity."""
    idf1: float
    """At IoU 0.5."""
    switches: int
    """At IoU 0.5: how often a thing gets another id than it had."""

    def as_json(self) -> dict[str, float | int]:
        """Plain numbers by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def box_similarity(truth: Boxes, found: Boxes) -> NDArray[np.float64]:
    """(T, F) IoU of boxes."""
    first, second = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (truth, found))
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    both = (high - low).clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - both
    return np.asarray(np.divide(both, union, out=np.zeros_like(both), where=union > 0), np.float64)


def mask_similarity(truth: Sequence[ObjectMask], found: Sequence[ObjectMask]) -> NDArray[np.float64]:
    """(T, F) IoU of masks."""
    ious = [[masks_iou(one, other) for other in found] for one in truth]
    return np.array(ious, np.float64).reshape(len(truth), len(found))


def score_identities(frames: Sequence[IdentityFrame]) -> IdentityScores:
    """Scores of one sequence.

    Raises:
        ConfigError: TrackEval is not installed.
    """
    metrics = _metrics()
    truth = {one: index for index, one in enumerate(sorted({one for f in frames for one in f.truth_ids}))}
    found = {one: index for index, one in enumerate(sorted({one for f in frames for one in f.found_ids}))}
    data = {
        "num_timesteps": len(frames),
        "num_gt_ids": len(truth),
        "num_tracker_ids": len(found),
        "num_gt_dets": sum(len(f.truth_ids) for f in frames),
        "num_tracker_dets": sum(len(f.found_ids) for f in frames),
        "gt_ids": [np.array([truth[one] for one in f.truth_ids], np.int64) for f in frames],
        "tracker_ids": [np.array([found[one] for one in f.found_ids], np.int64) for f in frames],
        "similarity_scores": [np.reshape(f.similarity, (len(f.truth_ids), len(f.found_ids))) for f in frames],
    }
    told = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
    hota = metrics.HOTA().eval_sequence(data)
    identity = metrics.Identity(told).eval_sequence(data)
    clear = metrics.CLEAR(told).eval_sequence(data)
    return IdentityScores(
        hota=float(np.mean(hota["HOTA"])),
        detection=float(np.mean(hota["DetA"])),
        association=float(np.mean(hota["AssA"])),
        idf1=float(identity["IDF1"]),
        switches=int(clear["IDSW"]),
    )


def _metrics() -> Any:
    try:
        # It tells on stdout of data sets whose readers want more packages.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import trackeval.metrics
    except ImportError as error:
        raise ConfigError(f"TrackEval does not load ({error}), expected it by: {INSTALL}") from error
    return trackeval.metrics
