"""Who came near whom, and who is somebody else since, by their looks. Pure, but for what is kept of each
known object.

Two who meet may part with each other's masks: each is on a find that agrees with it, and only their looks
tell. How an object was before it came near others is kept until its looks have said that it is still itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from streamtrack.clock import NS_PER_S
from streamtrack.config import MendConfig
from streamtrack.detect.boxes import Box, share_in
from streamtrack.detect.detector import Detection
from streamtrack.detect.doubt import AWAY_S, NEARLY_LIKE, SURELY_UNLIKE, VISIBLE
from streamtrack.detect.known_object import KnownObject
from streamtrack.detect.last_well import LastWell
from streamtrack.detect.mending import Likeness, Reason
from streamtrack.detect.overlaps import box_of
from streamtrack.detect.start_policy import covers
from streamtrack.frame import ObjectMask

TOUCHING = 0.1
"""Share of the smaller of two boxes that lies in the other, from which on two are near each other."""
SURELY_ANOTHER = 0.3
"""How far below `min_likeness` who came near others must be to be somebody else, whoever that is."""
MOST_ASKED = 6
"""Finds of a look that are compared with whom they may be, the nearest: each costs an encoder pass."""


def note_contacts(
    known: Mapping[int, KnownObject],
    agreed: Mapping[int, int],
    objects: Mapping[int, ObjectMask],
    found: Sequence[Detection],
    now_ns: int,
) -> None:
    """Keep of everybody who is near somebody how they were before."""
    boxes = {key: found[place].box for key, place in agreed.items()}
    boxes |= {
        key: box_of(mask)
        for key, mask in objects.items()
        if key not in boxes and mask.area_px and mask.state in VISIBLE
    }
    for object_id, one in known.items():
        own, held = boxes.get(object_id), agreed.get(object_id)
        others = [box for key, box in boxes.items() if key != object_id]
        others += [
            find.box
            for place, find in enumerate(found)
            if place != held and find.class_name == one.well.class_name
        ]
        one.meets(now_ns, near=own is not None and any(_touch(own, other) for other in others))


@dataclass(frozen=True, slots=True)
class _Look:
    """Who is who on one look, as far as it is asked about."""

    known: Mapping[int, KnownObject]
    agreed: Mapping[int, int]
    objects: Mapping[int, ObjectMask]
    found: Sequence[Detection]
    now_ns: int
    likeness: Likeness
    config: MendConfig
    asked: set[int] = field(default_factory=set)
    """Places of finds that were asked about."""

    def like(self, object_id: int, place: int) -> float | None:
        """How much a find looks like an object; None where nobody knows, or enough were asked about."""
        if place not in self.asked and len(self.asked) >= MOST_ASKED:
            return None
        self.asked.add(place)
        [like] = self.likeness(object_id, [self.found[place].box])
        return like

    def within_reach(self, one: KnownObject, was: LastWell) -> list[int]:
        """Places of the finds that an object may be, which was so, the nearest first."""
        far = {
            place: was.far(find, self.now_ns, self.config.reach, AWAY_S)
            for place, find in enumerate(self.found)
            if find.score >= self.config.min_score and one.fits(find)
        }
        return [place for place in sorted(far, key=lambda place: far[place]) if far[place] < 1]

    def is_rather(self, object_id: int, place: int, here: float | None) -> bool:
        """Whether an object, which looks so much like the find that it is on, is rather another find."""
        like = self.like(object_id, place)
        if like is None or like < self.config.min_likeness - NEARLY_LIKE:
            return False
        if here is not None and here >= like - SURELY_UNLIKE:
            return False
        holder = self.holder_of(place)
        return holder is None or self._gives_way(object_id, holder, place, like)

    def holder_of(self, place: int) -> int | None:
        """The object that is on a find."""
        return next((key for key, held in self.agreed.items() if held == place), None)

    def _gives_way(self, object_id: int, holder: int, place: int, like: float) -> bool:
        """Whether who is on a find is rather not it, that looks so much like another object."""
        if holder not in self.known:
            return False
        one, other = self.known[object_id], self.known[holder]
        its = self.like(holder, place)
        missed = other.began_ns - one.well.seen_ns
        if like >= self.config.min_likeness and 0 < missed <= AWAY_S * NS_PER_S:
            return its is None or its < like + SURELY_UNLIKE  # it was started on who was missed
        # Of two on one find it may be both: who stands before the other is what it looks like.
        both = covers(self.objects[object_id], self.found[place].box)
        least = self.config.min_likeness - SURELY_ANOTHER if both else like - SURELY_UNLIKE
        return its is not None and its < min(least, like - SURELY_UNLIKE)


def misplaced(
    known: Mapping[int, KnownObject],
    agreed: Mapping[int, int],
    in_doubt: Collection[int],
    objects: Mapping[int, ObjectMask],
    found: Sequence[Detection],
    now_ns: int,
    likeness: Likeness,
    config: MendConfig,
) -> dict[int, Reason]:
    """Objects on a find that is rather another one, by the looks of both: who came near others and looks more
    like another find, or not at all like its own (swapped), and who is on whom another one is (shared)."""
    look, wrong = _Look(known, agreed, objects, found, now_ns, likeness, config), dict[int, Reason]()
    near = {key: place for key, place in agreed.items() if key in known and known[key].wants_check(now_ns)}
    here = {key: like for key, place in near.items() if (like := look.like(key, place)) is not None}
    for object_id, like in here.items():
        one = known[object_id]
        if like >= config.min_likeness:
            one.is_itself(now_ns)
            continue
        elsewhere = (place for place in look.within_reach(one, one.trusted) if place != agreed[object_id])
        rather = next((place for place in elsewhere if look.is_rather(object_id, place, like)), None)
        if rather is None and like >= config.min_likeness - SURELY_ANOTHER:
            one.may_be_itself(now_ns)
            continue
        wrong[object_id] = "swapped"
        holder = None if rather is None else look.holder_of(rather)
        if holder is not None:
            wrong.setdefault(holder, "shared")
    for object_id, place in _missed(look, in_doubt):
        holder = look.holder_of(place)
        if holder is not None and look.is_rather(object_id, place, None):
            wrong.setdefault(holder, "shared")
    return wrong


def _missed(look: _Look, in_doubt: Collection[int]) -> list[tuple[int, int]]:
    """Objects that are in doubt with the places of finds that they may be, the nearest first."""
    far = {}
    for object_id in in_doubt:
        one = look.known[object_id]
        for place in look.within_reach(one, one.well):
            far[object_id, place] = one.far(look.found[place], look.now_ns, look.config.reach, AWAY_S)
    return sorted(far, key=lambda claim: far[claim])


def _touch(one: Box, other: Box) -> bool:
    return max(share_in(one, other), share_in(other, one)) >= TOUCHING
