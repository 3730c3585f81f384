"""How well the masks fit, where the source knows the truth (synthetic scenes)."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import BoolMask, EventKind, FrameResult, ObjectMask, Update
from streamtrack.telemetry import StreamTelemetry


def mask_iou(predicted: ObjectMask, truth: BoolMask) -> float:
    """Intersection over union of a cropped mask and an (H, W) one, 0 to 1; 1.0 where both are empty.

    Both empty counts as right, as DAVIS counts it: an occluded object was rightly not seen.
    """
    x0, y0, x1, y1 = predicted.box
    inside = int(np.count_nonzero(truth[y0:y1, x0:x1] & predicted.crop))
    union = predicted.area_px + int(np.count_nonzero(truth)) - inside
    return inside / union if union else 1.0


class SceneScore:
    """A consumer that counts the mean IoU of the objects that the scene itself prompted: those of the first
    frame that bear the scene's own ids, until they are removed."""

    name = "score"

    def __init__(self, telemetry: StreamTelemetry) -> None:
        self._telemetry = telemetry
        self._object_ids: frozenset[int] = frozenset()

    def take(self, update: Update) -> None:
        """Score one frame, once."""
        result = update.result
        for event in update.events:
            if event.object_id is None:
                continue
            if event.kind is EventKind.ADDED and event.frame_idx == 0:
                self._object_ids |= {event.object_id}
            elif event.kind is EventKind.REMOVED:  # its id may soon name something else
                self._object_ids -= {event.object_id}
        if result is not None and not update.revises:
            mean = self._mean_iou(result)
            if mean is not None:
                self._telemetry.scored(mean)

    def close(self) -> None:
        """Nothing is held."""

    def _mean_iou(self, result: FrameResult) -> float | None:
        """None where the frame holds nothing to score."""
        truth = result.frame.ground_truth
        if not truth:
            return None
        scores = [
            mask_iou(mask, truth[object_id])
            for object_id, mask in result.objects.items()
            if object_id in self._object_ids and object_id in truth
        ]
        return sum(scores) / len(scores) if scores else None
