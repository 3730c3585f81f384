"""From the bank's newest predictions to masks on the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from streamtrack.engine.memory_bank import MemoryBank
from streamtrack.frame import ObjectMask, ObjectState, measure_crop
from streamtrack.tracking.postprocess import crop_mask
from streamtrack.tracking.tracked_object import TrackedObject


def build_objects(
    bank: MemoryBank,
    objects: Sequence[TrackedObject],
    frame_idx: int,
    frame_size: tuple[int, int],
    download: Callable[..., tuple[NDArray[np.float32], ...]],
    *,
    move: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> dict[int, ObjectMask]:
    """Masks and scores of a kept frame by object id, at the frame's size; states are not filled in yet.

    Args:
        download: brings tensors to the host; the one wait for the device.
        move: turns low-res mask logits into those of a later frame, which has the same size.
    """
    if not objects:
        return {}
    logits, scores = download(*bank.predictions([tracked.memory for tracked in objects], frame_idx))
    visible_scores = torch.sigmoid(torch.from_numpy(scores[:, 0])).tolist()
    iou_scores = scores[:, 1].tolist()
    found = {}
    for tracked, low_res, object_score, iou_score in zip(
        objects, logits, visible_scores, iou_scores, strict=True
    ):
        crop, box = crop_mask(low_res if move is None else move(low_res), frame_size)
        area_px, centroid = measure_crop(crop, box)
        found[tracked.object_id] = ObjectMask(
            object_id=tracked.object_id,
            label=tracked.label,
            state=ObjectState.TRACKING,
            object_score=object_score,
            iou_score=min(max(iou_score, 0.0), 1.0),
            box=box,
            crop=crop,
            frame_size=frame_size,
            area_px=area_px,
            centroid=centroid,
        )
    return found
