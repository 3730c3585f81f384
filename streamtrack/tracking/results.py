"""From what the engine found to masks at the frame's size."""

from __future__ import annotations

from streamtrack.engine.clean_mask import clean_logits
from streamtrack.engine.found import Found
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
    logits, view = found.low_res_mask_logits, found.view
    if move is not None:
        logits, view = move(logits, view, frame_size)
    crop, box = crop_mask(clean_logits(logits, *tracked.clean_areas), frame_size, view)
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
