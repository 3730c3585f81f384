"""Which of a detector's finds become objects, and when those objects end. Pure: time, finds and masks are
arguments."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from streamtrack.clock import NS_PER_MS
from streamtrack.config import DetectorAutoprompt, FindingAutoprompt
from streamtrack.detect import Box, Detection, box_iou
from streamtrack.detect.entry import is_cut
from streamtrack.frame import ObjectMask, ObjectState, masks_iou

SAME_THING_IOU = 0.5
"""Finds of several classes that overlap more are one thing: a van is a car and a truck."""
COVERED_SHARE = 0.35
"""A mask that fills this share of a box is the box's object; people fill about half of theirs."""
HELD_SHARE, WORTH_SHARE = 0.5, 0.1
"""So is one that lies by half in the box, unless it is tiny there, such as the bag of a person."""
SAME_MASK_IOU = 0.7
"""Two masks that overlap more follow one thing."""
KNOWN_APART, MEETING_LOOKS = 2, 4
"""Two that were found apart for so many looks are passing each other; so many looks in a row on one thing,
and they are one."""
SAME_PLACE_IOU = 0.3
MAX_PLACES = 32
"""Places kept of what was removed by hand; beyond that the oldest is forgotten."""
MAX_STARTS = 2
"""Objects started by one detection: each costs a fast-forward to the newest frame."""
VISIBLE = (ObjectState.TRACKING, ObjectState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one detection leads to."""

    starts: tuple[Detection, ...] = ()
    ends: tuple[tuple[int, str], ...] = ()
    """Object ids, and why: lost, left, unconfirmed, duplicate."""
    held_at_cap: int = 0
    """Finds that would have started, were there room."""


@dataclass(slots=True)
class _Own:
    """An object that was started here."""

    confirmed_ns: int
    lost_since_ns: int | None = None
    unseen_since_ns: int | None = None
    at_border: bool = True
    """Where it was seen last the picture's border cut it; so it is taken to be until it is seen."""
    apart: int = 0
    """Looks in which it was found, and was on nothing that an elder one is on."""
    together: int = 0
    """Looks in a row in which it was on what an elder one is on."""

    def see(self, mask: ObjectMask, now_ns: int) -> None:
        """Note where it is, or that it is not to be seen."""
        if mask.area_px and mask.state in VISIBLE:
            x0, y0, x1, y1 = mask.box
            self.unseen_since_ns, self.at_border = None, is_cut((x0, y0, x1, y1), mask.frame_size)
        elif self.unseen_since_ns is None:
            self.unseen_since_ns = now_ns

    def has_left(self, limit_ms: int | None, now_ns: int) -> bool:
        """Whether it went out over the border, and has not been seen for so long. None: nothing has."""
        if limit_ms is None or not self.at_border or self.unseen_since_ns is None:
            return False
        return now_ns - self.unseen_since_ns >= limit_ms * NS_PER_MS


@dataclass(slots=True)
class _Place:
    """Where someone removed an object."""

    box: Box
    seen_ns: int


class Autoprompter:
    """Decides for one stream. Everything it remembers is bounded."""

    def __init__(self, config: FindingAutoprompt) -> None:
        self._config = config
        self._own: dict[int, _Own] = {}
        self._candidates: list[tuple[Detection, int]] = []
        """Finds of the last detection that nothing covers, and how many in a row they are."""
        self._places: list[_Place] = []

    def plan(
        self,
        found: Sequence[Detection],
        objects: Mapping[int, ObjectMask],
        now_ns: int,
        kept: Collection[int] = (),
    ) -> Plan:
        """Take up one detection.

        Args:
            found: every find however weak, surest first.
            objects: every object of the stream, with its mask on the frame that the detector saw.
            kept: objects that were mended just now, or may be at the next look: they are confirmed, whatever
                their masks are.
        """
        for object_id in kept:
            if object_id in self._own:
                self._own[object_id] = replace(self._own[object_id], confirmed_ns=now_ns, lost_since_ns=None)
        objects = {key: mask for key, mask in objects.items() if key not in kept}
        ends = self._ends(found, objects, now_ns, kept)
        finds = self._wanted(found)
        finds = [find for find in finds if not any(covers(mask, find.box) for mask in objects.values())]
        finds = self._not_removed_by_hand(finds, now_ns)
        self._candidates = self._count(finds)
        ready = [find for find, times in self._candidates if times >= self._config.confirmations]
        gone = sum(own.lost_since_ns is not None for own in self._own.values())
        room = max(0, self._config.max_objects - len(self._own) + gone)
        return Plan(tuple(ready[: min(room, MAX_STARTS)]), tuple(ends), len(ready[room:]))

    def started(self, object_id: int, now_ns: int) -> None:
        """A planned start was carried out under this id."""
        self._own[object_id] = _Own(now_ns)

    def owns(self, object_id: int) -> bool:
        """Whether an object was started here, and nobody has taken care of it since."""
        return object_id in self._own

    def ended(self, object_id: int) -> None:
        """A planned end was carried out."""
        self._own.pop(object_id, None)

    def corrected_by_hand(self, object_id: int) -> None:
        """Someone takes care of an object: it is not ended from here any more."""
        self._own.pop(object_id, None)

    def removed_by_hand(self, object_id: int, box: Box, now_ns: int) -> None:
        """Someone does not want what is in a box: it is left alone."""
        self._own.pop(object_id, None)
        self._places = [*self._places, _Place(box, now_ns)][-MAX_PLACES:]

    def _wanted(self, found: Sequence[Detection]) -> list[Detection]:
        """Of the right class, sure and large enough, each thing once."""
        config = self._config
        finds: list[Detection] = []
        for find in found:
            x0, y0, x1, y1 = find.box
            fits = is_asked_for(find, config)
            large = min(x1 - x0, y1 - y0) >= config.min_box_px
            if fits and large and not any(box_iou(find.box, one.box) > SAME_THING_IOU for one in finds):
                finds.append(find)
        return finds

    def _ends(
        self,
        found: Sequence[Detection],
        objects: Mapping[int, ObjectMask],
        now_ns: int,
        kept: Collection[int],
    ) -> list[tuple[int, str]]:
        # A weak find is enough to keep an object: to start one on it would be rash.
        finds = [find for find in found if is_of_class(find, self._config)]
        there = {*objects, *kept}
        self._own = {object_id: own for object_id, own in self._own.items() if object_id in there}
        ends = []
        for object_id, own in self._own.items():
            if object_id in kept:
                continue
            mask = objects[object_id]
            met = any(covers(mask, find.box) for find in finds)
            if met:
                own.confirmed_ns = now_ns
            own.see(mask, now_ns)
            if mask.state is not ObjectState.LOST:
                if own.lost_since_ns is not None:  # it is back: whether it was found before says nothing
                    own.confirmed_ns = now_ns
                own.lost_since_ns = None
            elif own.lost_since_ns is None:
                own.lost_since_ns = now_ns
            reason = self._why_it_ends(own, mask.state, now_ns)
            elders = (one for one in objects.values() if one.object_id < object_id)
            if not any(masks_iou(mask, elder) > SAME_MASK_IOU for elder in elders):
                own.apart, own.together = own.apart + met, 0
            else:
                own.together += 1
                passing = own.apart >= KNOWN_APART and own.together < MEETING_LOOKS
                reason = reason or (None if passing else "duplicate")
            if reason is not None:
                ends.append((object_id, reason))
        return ends

    def _why_it_ends(self, own: _Own, state: ObjectState, now_ns: int) -> str | None:
        if own.has_left(self._config.remove_left_after_ms, now_ns):
            return "left"
        reason, limit_ms, since_ns = "lost", self._config.remove_lost_after_ms, own.lost_since_ns
        if since_ns is None:
            reason, limit_ms, since_ns = (
                "unconfirmed",
                self._config.remove_unconfirmed_after_ms,
                own.confirmed_ns,
            )
            if limit_ms is not None and state is ObjectState.UNCERTAIN:
                limit_ms //= 2
        over = limit_ms is not None and now_ns - since_ns >= limit_ms * NS_PER_MS
        return reason if over else None

    def _not_removed_by_hand(self, finds: list[Detection], now_ns: int) -> list[Detection]:
        rest = list(finds)
        for place in self._places:
            there = next((find for find in rest if box_iou(find.box, place.box) > SAME_PLACE_IOU), None)
            if there is not None:  # it is still there, perhaps a little farther on
                place.box, place.seen_ns = there.box, now_ns
                rest.remove(there)
        cooldown_ns = self._config.cooldown_ms * NS_PER_MS
        self._places = [place for place in self._places if now_ns - place.seen_ns < cooldown_ns]
        return rest

    def _count(self, finds: list[Detection]) -> list[tuple[Detection, int]]:
        """Each find with how many detections in a row have seen it."""
        before = list(self._candidates)
        counted = []
        for find in finds:
            same = next((one for one in before if _moved_to(one[0], find)), None)
            if same is not None:
                before.remove(same)
            counted.append((find, 1 + (same[1] if same is not None else 0)))
        return counted


def is_of_class(find: Detection, config: FindingAutoprompt) -> bool:
    """Whether a find is of a class that is asked for; who looks without classes found nothing else."""
    return not isinstance(config, DetectorAutoprompt) or find.class_name in config.classes


def is_asked_for(find: Detection, config: FindingAutoprompt) -> bool:
    """Whether a find may start an object by its class and score; who looks without classes has judged it."""
    sure = not isinstance(config, DetectorAutoprompt) or find.score >= config.min_score
    return sure and is_of_class(find, config)


def covers(mask: ObjectMask, box: Box) -> bool:
    """Whether a mask is what a box was drawn around."""
    if mask.area_px == 0:
        return False
    left, top = mask.box[:2]
    x0, y0 = (max(0, round(value - origin)) for value, origin in zip(box[:2], (left, top), strict=True))
    x1, y1 = (max(0, round(value - origin)) for value, origin in zip(box[2:], (left, top), strict=True))
    inside = int(np.count_nonzero(mask.crop[y0:y1, x0:x1]))
    of_box = inside / max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
    return of_box >= COVERED_SHARE or (of_box >= WORTH_SHARE and inside >= HELD_SHARE * mask.area_px)


def _moved_to(before: Detection, after: Detection) -> bool:
    """Whether two finds may be one thing that moved by less than its own size."""
    (ax, ay, size), (bx, by, _) = (_centre_and_size(find.box) for find in (before, after))
    return before.class_name == after.class_name and math.hypot(ax - bx, ay - by) < size


def _centre_and_size(box: Box) -> tuple[float, float, float]:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0)
