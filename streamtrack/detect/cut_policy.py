"""Which masks reach into what another find shows, and by which box they are cut. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from streamtrack.detect.boxes import Box, box_iou
from streamtrack.detect.detector import Detection
from streamtrack.frame import BoolMask, ObjectMask, measure_crop

BESIDE = 0.05
"""Share of a find's sides that a mask may reach beside it."""
LITTLE = 0.02
"""Share of a mask that may lie in other finds."""
LEAST_LEFT = 0.25
"""Share of a find's box that what is left of a mask fills at least."""
CROSSING_IOU = 0.5
"""Finds that overlap more may be one thing, or two of which nobody can say whose a pixel is."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A mask that takes in somebody else, and the find that is its own."""

    object_id: int
    find: Detection
    left: ObjectMask
    """What is left of it."""


def cut_to(mask: ObjectMask, find: Detection) -> ObjectMask | None:
    """What of a mask lies in a find's box; None where that is too little to be its object."""
    inside = mask.crop & _in_box(mask, _larger(find.box))
    if np.count_nonzero(inside) < LEAST_LEFT * _area(find.box):
        return None
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    x0, y0 = mask.box[:2]
    box, crop = (x0 + left, y0 + top, x0 + right, y0 + bottom), inside[top:bottom, left:right].copy()
    area_px, centroid = measure_crop(crop, box)
    return replace(mask, box=box, crop=crop, area_px=area_px, centroid=centroid)


def reaches_others(mask: ObjectMask, find: Detection, others: Sequence[Detection]) -> bool:
    """Whether a mask, of which a find is the object, reaches into other finds beside that."""
    beside = mask.crop & ~_in_box(mask, _larger(find.box))
    if np.count_nonzero(beside) <= LITTLE * mask.area_px:
        return False
    theirs = np.zeros_like(mask.crop)
    for other in others:
        if other.class_name == find.class_name and box_iou(other.box, find.box) < CROSSING_IOU:
            theirs |= _in_box(mask, other.box)
    return bool(np.count_nonzero(beside & theirs) > LITTLE * mask.area_px)


def plan_cuts(
    own: Mapping[int, int],
    objects: Mapping[int, ObjectMask],
    found: Sequence[Detection],
    min_score: float,
) -> tuple[Cut, ...]:
    """The masks that reach into other finds of at least such a score, and what is left of them.

    Args:
        own: by object the place of the find that is it.
    """
    cuts = []
    others = [find for find in found if find.score >= min_score]
    for object_id, place in own.items():
        mask = objects[object_id]
        left = None
        sure = mask.area_px > 0 and found[place].score >= min_score
        if sure and reaches_others(mask, found[place], others):
            left = cut_to(mask, found[place])
        if left is not None:
            cuts.append(Cut(object_id, found[place], left))
    return tuple(cuts)


def _in_box(mask: ObjectMask, box: Box) -> BoolMask:
    """Which cells of a mask's crop lie in a box."""
    x0, y0 = mask.box[:2]
    rows, columns = (np.arange(size) + 0.5 for size in mask.crop.shape)
    inside: BoolMask = ((rows + y0 >= box[1]) & (rows + y0 <= box[3]))[:, None] & (
        (columns + x0 >= box[0]) & (columns + x0 <= box[2])
    )[None]
    return inside


def _larger(box: Box) -> Box:
    across, down = BESIDE * (box[2] - box[0]), BESIDE * (box[3] - box[1])
    return box[0] - across, box[1] - down, box[2] + across, box[3] + down


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
