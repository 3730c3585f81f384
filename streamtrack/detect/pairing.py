"""Which finds objects that are in doubt may be. Pure, but for what likeness costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from streamtrack.clock import NS_PER_S
from streamtrack.config import MendConfig
from streamtrack.detect.boxes import box_iou, share_in
from streamtrack.detect.detector import Detection
from streamtrack.detect.doubt import AWAY_S, NEARLY_LIKE, SOON_S, SURELY_UNLIKE, WITHIN
from streamtrack.detect.known_object import NEAR, KnownObject
from streamtrack.detect.mending import Likeness, Reason
from streamtrack.detect.overlaps import INSIDE, box_of
from streamtrack.detect.start_policy import covers
from streamtrack.frame import ObjectMask

PARTLY_LIKE = 0.2
"""How far below `min_likeness` a find may be where an object is expected and that others look like less: half
of it may be hidden."""
WAITED_S = 4
"""So long an object that is not met is waited for where it is expected."""
WEAK_SCORE = 0.3
"""A find of who is half hidden is less sure than others are: so sure it counts where somebody is expected."""
MAYBE = 0.35
"""How far below `min_likeness` a find may be that starts nothing yet: it may be who was met a moment ago."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An object that is in doubt, and a find that may be it."""

    object_id: int
    place: int
    reason: Reason
    overlap: float
    likeness: float | None
    nearness: float
    """1 where it is expected, 0 at the end of its reach."""
    lead: float = 0.0
    """By how much more than any other object that may be it, this one looks like the find; 0 where there is
    none."""

    @property
    def worth(self) -> float:
        """Of the pair, beside others."""
        return self.nearness + (0.5 if self.likeness is None else self.likeness) + 1.0


@dataclass(frozen=True, slots=True)
class Doubts:
    """Objects that are in doubt on one look, and what they may be."""

    known: Mapping[int, KnownObject]
    why: Mapping[int, Reason]
    barred: Mapping[int, int]
    """Places of finds that objects are on and surely are not."""
    found: Sequence[Detection]
    now_ns: int
    likeness: Likeness
    config: MendConfig

    def free(self, taken: Collection[int], healthy: Sequence[ObjectMask]) -> list[int]:
        """Places of the finds that no healthy object holds."""
        return [
            place
            for place, find in enumerate(self.found)
            if find.score >= min(WEAK_SCORE, self.config.min_score)
            and place not in taken
            and not any(covers(mask, find.box) for mask in healthy)
        ]

    def pairs(self, objects: Mapping[int, ObjectMask], free: Sequence[int]) -> tuple[list[Pair], set[int]]:
        """Who may be what, and the places of finds that may be somebody who was met a moment ago."""
        pairs, maybe = [], set[int]()
        for object_id, reason in self.why.items():
            known, mask = self.known[object_id], objects[object_id]
            near = self._near(object_id, mask, free)
            if not near or known.rests(self.config.cooldown_ms, self.now_ns):
                continue
            alike = self.likeness(object_id, [self.found[place].box for place in near])
            for (place, nearness), like in zip(near.items(), alike, strict=True):
                lead = 0.0 if like is None else self._lead(object_id, place, like)
                if self._is_like(object_id, place, like, lead):
                    overlap = box_iou(box_of(mask), self.found[place].box)
                    pairs.append(Pair(object_id, place, reason, overlap, like, nearness, lead))
                elif like is not None and like >= self.config.min_likeness - MAYBE:
                    lately = self.now_ns - known.well.seen_ns <= AWAY_S * NS_PER_S
                    maybe |= {place} if lately else set()
        return pairs, maybe

    def _near(self, object_id: int, mask: ObjectMask, free: Sequence[int]) -> dict[int, float]:
        """Places of the finds within an object's reach, and how near they are."""
        known, reason, near = self.known[object_id], self.why[object_id], {}
        longest_s = None if reason == "lost" else AWAY_S if object_id in self.barred else SOON_S
        for place in free:
            find = self.found[place]
            # What covers too much covers the object as well; what is still there cannot be far.
            if reason in WITHIN and share_in(find.box, box_of(mask)) < INSIDE:
                continue
            if reason == "lost" and not known.may_be_found(find, self.now_ns, self.config.gone_after_ms):
                continue
            weak = find.score < self.config.min_score and known.off(find, self.now_ns) > NEAR
            far = known.far(find, self.now_ns, self.config.reach, longest_s)
            if far < 1 and known.fits(find) and not weak and self.barred.get(object_id) != place:
                near[place] = 1 - far
        return near

    def _is_like(self, object_id: int, place: int, like: float | None, lead: float) -> bool:
        lost, known, find = self.why[object_id] == "lost", self.known[object_id], self.found[place]
        if like is None:
            return not lost and object_id not in self.barred and find.score >= self.config.min_score
        # What is gone is found by its looks alone; what is there was looked at a moment ago.
        if like >= self.config.min_likeness - (0.0 if lost else NEARLY_LIKE):
            return True
        waited = self.now_ns - known.well.seen_ns <= WAITED_S * NS_PER_S
        here = waited and known.off(find, self.now_ns) <= NEAR
        return here and like >= self.config.min_likeness - PARTLY_LIKE and lead > SURELY_UNLIKE

    def _lead(self, object_id: int, place: int, like: float) -> float:
        find = self.found[place]
        others = [
            self.likeness(other_id, [find.box])[0]
            for other_id, other in self.known.items()
            if other_id != object_id and other.far(find, self.now_ns, self.config.reach, AWAY_S) < 1
        ]
        known = [its for its in others if its is not None]
        return like - max(known) if known and len(known) == len(others) else 0.0
