"""How well the masks fit, where the source knows the truth (synthetic scenes)."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np

from streamtrack.frame import BoolMask, FrameResult, ObjectMask


def mask_iou(predicted: ObjectMask, truth: BoolMask) -> float:
    """Intersection over union of a cropped mask and an (H, W) one, 0 to 1; 1.0 where both are empty.

    Both empty counts as right, as DAVIS counts it: an occluded object was rightly not seen.
    """
    x0, y0, x1, y1 = predicted.box
    inside = int(np.count_nonzero(truth[y0:y1, x0:x1] & predicted.crop))
    union = predicted.area_px + int(np.count_nonzero(truth)) - inside
    return inside / union if union else 1.0


class SceneScore:
    """The mean IoU of the objects that the scene itself prompted. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._object_ids: frozenset[int] = frozenset()
        self._sum = 0.0
        self._frames = 0

    def watch(self, object_ids: Iterable[int]) -> None:
        """Score these objects: their ids are the scene's own."""
        with self._lock:
            self._object_ids = frozenset(object_ids)

    def forget(self, object_id: int) -> None:
        """Stop scoring an object; its id may soon name something else."""
        with self._lock:
            self._object_ids -= {object_id}

    def add(self, result: FrameResult) -> float | None:
        """Score one frame; None where it holds nothing to score."""
        truth = result.frame.ground_truth
        if not truth:
            return None
        with self._lock:
            object_ids = self._object_ids
        scores = [
            mask_iou(mask, truth[object_id])
            for object_id, mask in result.objects.items()
            if object_id in object_ids and object_id in truth
        ]
        if not scores:
            return None
        mean = sum(scores) / len(scores)
        with self._lock:
            self._sum += mean
            self._frames += 1
        return mean

    def take(self) -> tuple[float, int]:
        """The sum of the frames' means and their count since the last call."""
        with self._lock:
            taken = (self._sum, self._frames)
            self._sum, self._frames = 0.0, 0
        return taken
