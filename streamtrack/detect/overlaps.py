"""How masks and finds lie to each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from streamtrack.config import MendConfig
from streamtrack.detect.boxes import Box, box_iou
from streamtrack.detect.detector import Detection
from streamtrack.detect.known_object import KnownObject
from streamtrack.detect.last_well import area_of
from streamtrack.detect.start_policy import covers
from streamtrack.frame import ObjectMask

INSIDE = 0.7
"""Share of a find's box that lies in the box of a mask under which it is."""


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


def share_in(inner: Box, outer: Box) -> float:
    """Share of a box that lies in another, 0 to 1."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    return max(0.0, width) * max(0.0, height) / max(1.0, area_of(inner))
