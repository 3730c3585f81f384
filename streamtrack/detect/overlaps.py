"""How masks and finds lie to each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamtrack.config import MendConfig
from streamtrack.detect.boxes import Box, box_iou, share_in
from streamtrack.detect.detector import Detection
from streamtrack.detect.entry import find_of_all
from streamtrack.detect.known_object import KnownObject
from streamtrack.detect.last_well import area_of
from streamtrack.detect.start_policy import covers
from streamtrack.frame import ObjectMask, ObjectState

INSIDE = 0.7
"""Share of a find's box that lies in the box of a mask under which it is."""
VISIBLE = (ObjectState.TRACKING, ObjectState.UNCERTAIN)


def holds_another(mask: ObjectMask, find: Detection, found: Sequence[Detection], config: MendConfig) -> bool:
    """Whether a mask covers a second find of the class beside the one that it agrees with."""
    return any(
        other.class_name == find.class_name
        and other.score >= config.min_score
        and box_iou(other.box, find.box) < config.disagree_iou
        and covers(mask, other.box)
        for other in found
    )


def is_part_of(known: KnownObject, mask: ObjectMask, find: Detection, over_box: float) -> bool:
    """Whether a mask is far less than a find shows, as that of what was started while it came in."""
    inside = share_in(box_of(mask), find.box) >= INSIDE
    return known.fits(find) and inside and area_of(find.box) > over_box * area_of(box_of(mask))


def box_of(mask: ObjectMask) -> Box:
    """A mask's box."""
    x0, y0, x1, y1 = mask.box
    return float(x0), float(y0), float(x1), float(y1)


def grown(
    known: Mapping[int, KnownObject],
    agreed: Mapping[int, int],
    objects: Mapping[int, ObjectMask],
    found: Sequence[Detection],
    min_score: float,
) -> dict[int, int]:
    """Of objects that are coming in those of which a find shows more than their masks, and its place."""
    more = dict[int, int]()
    boxes = {key: box_of(one) for key, one in objects.items() if one.area_px and one.state in VISIBLE}
    for object_id, one in known.items():
        if object_id not in boxes or not one.enters(objects[object_id].frame_size):
            continue
        others = [box for key, box in boxes.items() if key != object_id]
        place = find_of_all(boxes[object_id], one.well, found, others)
        taken = [where for key, where in (*agreed.items(), *more.items()) if key != object_id]
        if place is not None and place not in taken and found[place].score >= min_score:
            more[object_id] = place
    return more
