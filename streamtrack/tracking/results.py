"""From what the engine found to masks at the frame's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.clean_mask import clean_logits
from streamtrack.engine.found import Found
from streamtrack.engine.view import View
from streamtrack.frame import ObjectMask, ObjectState, measure_crop
from streamtrack.tracking.keyframes import Move
from streamtrack.tracking.postprocess import crop_mask
from streamtrack.tracking.tracked_object import TrackedObject


def build_object(
    tracked: TrackedObject,
    found: Found,
    frame_size: tuple[int, int],
    move: Move | None = None,
) -> ObjectMask:
    """One object's mask and scores; its state is left at tracking.

    Args:
        frame_size: H, W in pixels.
        move: turns low-res mask logits and their window into those of a later frame of the same size.
    """
    logits, view = shown_logits(tracked, found, frame_size, move)
    crop, box = crop_mask(logits, frame_size, view)
    area_px, centroid = measure_crop(crop, box)
    return ObjectMask(
        object_id=tracked.object_id,
        label=tracked.label,
        state=ObjectState.TRACKING,
        object_score=found.object_score,
        iou_score=found.iou_score,
        box=box,
        crop=crop,
        frame_size=frame_size,
        area_px=area_px,
        centroid=centroid,
    )


def shown_logits(
    tracked: TrackedObject, found: Found, frame_size: tuple[int, int], move: Move | None = None
) -> tuple[NDArray[np.float32], View | None]:
    """The low-res mask logits that are shown of an object, and the window that they are of; arguments as of
    `build_object`."""
    logits, view = found.low_res_mask_logits, found.view
    if move is not None:
        logits, view = move(logits, view, frame_size)
    return clean_logits(logits, *tracked.clean_areas), view
