"""Which finds agree with which masks, and why an object may be somewhere else than its mask. Pure, but for
what is counted of each known object."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from streamtrack.config import MendConfig
from streamtrack.detect.assignment import assign
from streamtrack.detect.boxes import box_iou, share_in
from streamtrack.detect.detector import Detection
from streamtrack.detect.known_object import NEAR, KnownObject
from streamtrack.detect.last_well import area_of
from streamtrack.detect.mending import Reason
from streamtrack.detect.overlaps import INSIDE, box_of, holds_another, is_part_of
from streamtrack.detect.start_policy import covers
from streamtrack.frame import ObjectMask, ObjectState

ADRIFT_LOOKS = 3
"""Looks in a row that met a mask with no find, behind as many that did, until it counts as adrift."""
WITHIN: tuple[Reason, ...] = ("too_large", "several")
"""The object is under its mask, with more."""
SOON_S = 1.0
"""An object whose mask is there was lost from sight no longer ago than this, as far as its reach goes."""
AWAY_S = 2
"""Who was lost, or met by no find for so long, may be somebody else when one agrees again, and reaches so far
for what another one is on."""
NEARLY_LIKE = 0.05
"""How far below `min_likeness` a find may be that lies near where an object was a moment ago."""
SURELY_UNLIKE = 0.1
"""How far below `min_likeness` an object that is back must be to be another one."""
VISIBLE = (ObjectState.TRACKING, ObjectState.UNCERTAIN)


def agreements(
    known: Mapping[int, KnownObject],
    found: Sequence[Detection],
    objects: Mapping[int, ObjectMask],
    now_ns: int,
    config: MendConfig,
) -> dict[int, int]:
    """Objects whose masks a find agrees with, and its place. Of several on one thing it is that which was
    expected there."""
    weights = {
        (object_id, place): overlap + _nearness(known.get(object_id), find, now_ns, config)
        for object_id, mask in objects.items()
        if mask.area_px and mask.state in VISIBLE
        for place, find in enumerate(found)
        if _may_be(known.get(object_id), find, config)
        and (overlap := box_iou(box_of(mask), find.box)) >= config.disagree_iou
        and _times_too_large(mask, find, config) <= 1
        and not holds_another(mask, find, found, config)
    }
    return dict(assign(weights))


def own_finds(
    known: Mapping[int, KnownObject],
    in_doubt: Mapping[int, Reason],
    objects: Mapping[int, ObjectMask],
    found: Sequence[Detection],
    taken: Collection[int],
    now_ns: int,
    config: MendConfig,
) -> dict[int, int]:
    """The place of the find, where it is expected, that is the object whose mask covers more."""
    weights = {}
    for object_id, one in known.items():
        if in_doubt.get(object_id) not in WITHIN:
            continue
        for place, find in enumerate(found):
            there = share_in(find.box, box_of(objects[object_id])) >= INSIDE and one.fits(find)
            near = 1 - one.off(find, now_ns) / NEAR
            if there and near > 0 and find.score >= config.min_score and place not in taken:
                weights[object_id, place] = 1 + near
    return dict(assign(weights))


def doubt_of(
    known: KnownObject,
    mask: ObjectMask,
    found: Sequence[Detection],
    taken: Collection[int],
    now_ns: int,
    config: MendConfig,
) -> Reason | None:
    """Why an object that no find agrees with may be somewhere else; None where that is no reason yet."""
    if not mask.area_px or mask.state not in VISIBLE:
        if known.hidden_since_ns is None:
            known.hidden_since_ns = now_ns
        known.was_lost |= mask.state is ObjectState.LOST
        return "lost"
    known.hidden_since_ns = None
    known.unmet += 1
    places = [place for place, one in enumerate(found) if known.fits(one) and covers(mask, one.box)]
    held = [found[place] for place in places]
    if any(box_iou(one.box, other.box) < config.disagree_iou for one in held for other in held):
        return "several"
    if any(_is_lost_in(known, mask, one, config) for one in found):
        return "too_large"
    if held and all(place in taken for place in places):
        return "shared"
    if known.by_hand:
        return None
    if any(is_part_of(known, mask, one, config.over_box) for one in found):
        return "too_small"
    if mask.state is ObjectState.UNCERTAIN:
        return "uncertain"
    adrift = known.unmet >= ADRIFT_LOOKS and known.well.times >= ADRIFT_LOOKS
    adrift |= known.sure is not None and known.unmet > 1  # who was near others may be with them
    return "adrift" if adrift and not held else None


def _is_lost_in(known: KnownObject, mask: ObjectMask, find: Detection, config: MendConfig) -> bool:
    """Whether a find may be an object of which the mask shows far more."""
    return (
        known.fits(find)
        and _times_too_large(mask, find, config) > 1
        and share_in(find.box, box_of(mask)) >= INSIDE
    )


def _nearness(known: KnownObject | None, find: Detection, now_ns: int, config: MendConfig) -> float:
    """1 where an object is expected, 0 beyond its reach, and where nothing is known of it."""
    return 0.0 if known is None else max(0.0, 1 - known.far(find, now_ns, config.reach, SOON_S))


def _may_be(known: KnownObject | None, find: Detection, config: MendConfig) -> bool:
    """Whether a find may be an object, by its class."""
    if known is not None:
        return find.class_name == known.well.class_name
    return config.objects == "all"


def _times_too_large(mask: ObjectMask, find: Detection, config: MendConfig) -> float:
    """Above 1 where a mask covers more than a find shows."""
    larger = max(mask.area_px, area_of(box_of(mask)))
    return larger / max(1.0, area_of(find.box)) / config.over_box
