"""An object on one frame, as rules look at it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streamtrack.config import LineRule, ZoneRule
from streamtrack.frame import ObjectMask, ObjectState
from streamtrack.rules.state import Point

FOOT_SHARE = 0.2
"""Share of the mask's height whose pixels say where the foot is: both feet of a walker, and no single row
that trembles."""
MARGIN_SHARE, MIN_MARGIN_PX = 0.3, 2.0
"""The margin of a rule that names none, as a share of the object's size: more than masks tremble."""
VISIBLE = frozenset({ObjectState.TRACKING, ObjectState.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class Seen:
    """An object whose mask is that of this frame."""

    item: ObjectMask
    class_name: str
    """Of COCO's 80; empty where it is not known."""
    foot: Point
    """The middle of the mask's lowest rows."""
    speed_mps: float | None = None
    """Metres a second; None without a scale, or before it was seen for long enough."""

    @property
    def centre(self) -> Point:
        """The mean of the mask's pixels."""
        assert self.item.centroid is not None, "an object that is seen has pixels"
        return self.item.centroid

    def point_for(self, rule: ZoneRule | LineRule) -> Point:
        """The point that the rule looks at."""
        return self.foot if rule.test == "foot" else self.centre

    def margin_for(self, rule: ZoneRule | LineRule) -> float:
        """How far behind the rule's border the point must come, in pixels."""
        if rule.margin_px is not None:
            return rule.margin_px
        return max(MIN_MARGIN_PX, MARGIN_SHARE * math.sqrt(self.item.area_px))


def is_seen(item: ObjectMask) -> bool:
    """Whether its mask is that of this frame: neither hidden nor the last one that was known."""
    return item.area_px > 0 and item.state in VISIBLE


def concerns(rule: ZoneRule | LineRule, label: str, class_name: str) -> bool:
    """Whether a rule is for objects like this."""
    return (not rule.classes or class_name in rule.classes) and (not rule.labels or label in rule.labels)


def foot_of(item: ObjectMask) -> Point:
    """The mean x of the lowest fifth of a mask that is not empty, on its lowest row."""
    height = item.crop.shape[0]
    rows = max(1, round(FOOT_SHARE * height))
    per_column = np.count_nonzero(item.crop[height - rows :], axis=0)
    x = float(per_column @ np.arange(per_column.size)) / int(per_column.sum()) + 0.5
    return x + item.box[0], item.box[3] - 0.5
