"""Which finds mend which objects. Pure: time, finds, masks and likenesses are arguments.

One find goes to one object at most, by optimal assignment; what a healthy object holds is taken by none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streamtrack.clock import NS_PER_S
from streamtrack.config import MendConfig
from streamtrack.detect.assignment import assign
from streamtrack.detect.boxes import box_iou
from streamtrack.detect.contact import SURELY_ANOTHER, misplaced, note_contacts
from streamtrack.detect.cut_policy import plan_cuts
from streamtrack.detect.detector import Detection
from streamtrack.detect.doubt import (
    AWAY_S,
    NEARLY_LIKE,
    SURELY_UNLIKE,
    agreements,
    doubt_of,
    own_finds,
)
from streamtrack.detect.entry import Entry
from streamtrack.detect.known_object import NEAR, KnownObject
from streamtrack.detect.last_well import LastWell, centre_of, distance
from streamtrack.detect.mending import Likeness, Mending, MendPlan, Reason
from streamtrack.detect.overlaps import box_of, grown
from streamtrack.detect.pairing import WAITED_S, Doubts, Pair
from streamtrack.frame import ObjectMask, ObjectState

SURELY_LIKE = 0.07
"""How far above `min_likeness` a find must be to mend at the first look."""
FAR_AHEAD = 0.3
"""By how much more than any other object that may be it, one looks like a find that mends it at once."""
KEEP_LOOK_EVERY_S = 2
"""Seconds between two looks at an object that are kept: each may cost an encoder pass."""


@dataclass(slots=True)
class Mender:
    """Decides for one stream. What it remembers is of objects that there are."""

    config: MendConfig
    _known: dict[int, KnownObject] = field(default_factory=dict)
    _learning: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Of objects of which no class is known: the class of finds that agreed, and how often in a row."""

    def started(self, object_id: int, find: Detection, frame_idx: int, now_ns: int) -> None:
        """An object was started on a find."""
        well = LastWell.of(find, frame_idx, now_ns)
        self._known[object_id] = KnownObject(well, now_ns, entry=Entry(frame_idx))

    def plan(
        self,
        found: Sequence[Detection],
        objects: Mapping[int, ObjectMask],
        frame_idx: int,
        now_ns: int,
        likeness: Likeness,
    ) -> MendPlan:
        """Take up one detection.

        Args:
            found: every find however weak, surest first.
            objects: every object of the stream, with its mask on the frame that the detector saw.
        """
        self._forget(objects)
        agreed = agreements(self._known, found, objects, now_ns, self.config)
        more = grown(self._known, agreed, objects, found, self.config.min_score)
        growths = self._growths(more, objects, found, frame_idx, now_ns)
        agreed = {object_id: place for object_id, place in agreed.items() if object_id not in more}
        in_doubt, barred = self._doubts(agreed, more, found, objects, now_ns, likeness)
        own, taken = {}, {*agreed.values(), *more.values()}
        for object_id, place in agreed.items():
            if not self._is_another(object_id, found[place], now_ns, likeness):
                self._note_well(object_id, found[place], objects[object_id], frame_idx, now_ns)
                own[object_id] = place
        clear = own_finds(self._known, in_doubt, objects, found, taken, now_ns, self.config)
        cuts = plan_cuts({**own, **clear}, objects, found, self.config.min_score)
        left = {**objects, **{cut.object_id: cut.left for cut in cuts}}
        healthy = [mask for object_id, mask in left.items() if object_id not in in_doubt]
        doubts = Doubts(self._known, in_doubt, barred, found, now_ns, likeness, self.config)
        pairs, maybe = doubts.pairs(objects, doubts.free(taken, healthy))
        chosen = assign({(pair.object_id, pair.place): pair.worth for pair in pairs})
        best = [pair for pair in pairs if (pair.object_id, pair.place) in chosen]
        for object_id in self._known.keys() - {pair.object_id for pair in best}:
            self._known[object_id].candidate = None
        ready = [pair for pair in best if self._is_ready(pair, pairs, found, now_ns)]
        mendings = [self._mending(pair, found) for pair in ready]
        cuts = tuple(cut for cut in cuts if all(pair.object_id != cut.object_id for pair in ready))
        claimed = frozenset(pair.place for pair in best) | maybe | frozenset(more.values())
        paired = frozenset(pair.object_id for pair in best)
        pending = paired | more.keys() | self._waited_for(in_doubt, barred, now_ns)
        others = frozenset(key for key, known in self._known.items() if known.unlike >= self.config.looks)
        to_keep = self._to_keep(agreed, objects, now_ns)
        return MendPlan((*growths, *mendings), pending, claimed, others, to_keep, cuts)

    def mended(self, mending: Mending, frame_idx: int, now_ns: int) -> None:
        """A planned mending was carried out."""
        if not mending.grows:
            self._known[mending.object_id].move(mending.find, frame_idx, now_ns)

    def corrected_by_hand(self, object_id: int) -> None:
        """Somebody said what an object is: they may mean a part of it, until a find agrees again."""
        self._learning.pop(object_id, None)
        if object_id in self._known:
            self._known[object_id].by_hand = True

    # -- inside ------------------------------------------------------------------------------------

    def _forget(self, objects: Mapping[int, ObjectMask]) -> None:
        self._known = {key: known for key, known in self._known.items() if key in objects}
        self._learning = {key: seen for key, seen in self._learning.items() if key in objects}

    def _doubts(
        self,
        agreed: dict[int, int],
        more: Mapping[int, int],
        found: Sequence[Detection],
        objects: Mapping[int, ObjectMask],
        now_ns: int,
        likeness: Likeness,
    ) -> tuple[dict[int, Reason], dict[int, int]]:
        """Objects that are in doubt, and why; and of these the places of finds that they are on and surely
        are not, which agree with them no more."""
        held, in_doubt, barred = {*agreed.values(), *more.values()}, dict[int, Reason](), dict[int, int]()
        for object_id, known in self._known.items():
            reason = None
            if object_id not in agreed and object_id not in more:
                reason = doubt_of(known, objects[object_id], found, held, now_ns, self.config)
            if reason is not None:
                in_doubt[object_id] = reason
        note_contacts(self._known, agreed, objects, found, now_ns)
        wrong = misplaced(self._known, agreed, in_doubt, objects, found, now_ns, likeness, self.config)
        for object_id, why in wrong.items():
            self._known[object_id].is_another()
            in_doubt[object_id], barred[object_id] = why, agreed.pop(object_id)
        return in_doubt, barred

    def _waited_for(
        self, in_doubt: Mapping[int, Reason], barred: Mapping[int, int], now_ns: int
    ) -> frozenset[int]:
        """Those who surely are somewhere else than their masks: they neither drift nor are one with whom they
        are on."""
        swapped = (key for key in barred if in_doubt[key] == "swapped")
        lately_ns = now_ns - WAITED_S * NS_PER_S
        return frozenset(key for key in swapped if self._known[key].well.seen_ns >= lately_ns)

    def _is_another(self, object_id: int, find: Detection, now_ns: int, likeness: Likeness) -> bool:
        """Whether an object that was lost and is back looks like something else."""
        known = self._known.get(object_id)
        if known is None or not (known.was_lost or now_ns - known.well.seen_ns >= AWAY_S * NS_PER_S):
            return False
        [like] = likeness(object_id, [find.box])
        another = like is not None and like < self.config.min_likeness - SURELY_UNLIKE
        surely = like is not None and like < self.config.min_likeness - SURELY_ANOTHER
        known.unlike = known.unlike + (self.config.looks if surely else 1) if another else 0
        return another

    def _note_well(
        self, object_id: int, find: Detection, mask: ObjectMask, frame_idx: int, now_ns: int
    ) -> None:
        """A find agrees with an object."""
        known = self._known.get(object_id)
        if known is None:
            name, times = self._learning.get(object_id, (find.class_name, 0))
            times = times + 1 if name == find.class_name else 1
            self._learning[object_id] = find.class_name, times
            if times >= self.config.looks and mask.state is ObjectState.TRACKING:
                del self._learning[object_id]
                self._known[object_id] = KnownObject(LastWell.of(find, frame_idx, now_ns), now_ns)
            return
        known.enter(find, mask.frame_size)
        known.agree(find, frame_idx, now_ns)

    def _growths(
        self,
        more: Mapping[int, int],
        objects: Mapping[int, ObjectMask],
        found: Sequence[Detection],
        frame_idx: int,
        now_ns: int,
    ) -> list[Mending]:
        """What comes in goes on from all of it that shows: the part that it was says nothing of the rest."""
        growths = []
        for object_id, place in more.items():
            known, mask, find = self._known[object_id], objects[object_id], found[place]
            since = known.well.frame_idx if known.entry is None else known.entry.since_frame
            overlap = box_iou(box_of(mask), find.box)
            growths.append(Mending(object_id, find, "too_small", overlap, None, since - 1, grows=True))
            known.enter(find, mask.frame_size)
            known.agree(find, frame_idx, now_ns)
        return growths

    def _to_keep(
        self, agreed: Mapping[int, int], objects: Mapping[int, ObjectMask], now_ns: int
    ) -> tuple[int, ...]:
        due = []
        for object_id in agreed:
            known = self._known.get(object_id)
            if known is None or known.unlike or objects[object_id].state is not ObjectState.TRACKING:
                continue
            if known.enters(objects[object_id].frame_size):  # all of it looks otherwise
                continue
            if known.sure is not None and known.kept_ns is not None:
                continue  # it may be somebody else
            if known.kept_ns is None or now_ns - known.kept_ns >= KEEP_LOOK_EVERY_S * NS_PER_S:
                known.kept_ns = now_ns
                due.append(object_id)
        return tuple(due)

    def _is_ready(self, pair: Pair, pairs: Sequence[Pair], found: Sequence[Detection], now_ns: int) -> bool:
        """Whether a find mends now, and is not waited for once more."""
        known, find = self._known[pair.object_id], found[pair.place]
        before = known.candidate
        same = before is not None and distance(centre_of(before[0]), find.box) < known.well.length
        times = 1 + (before[1] if before is not None and same else 0)
        known.candidate = find.box, times
        if times >= self.config.looks:
            return True
        alone = all(
            other is pair or (other.object_id != pair.object_id and other.place != pair.place)
            for other in pairs
        )
        like = pair.likeness is not None and pair.likeness >= self.config.min_likeness + SURELY_LIKE
        expected = known.off(find, now_ns) <= NEAR
        alone = alone and not known.by_hand
        sure = like if pair.reason == "lost" else expected and (like or pair.likeness is None)
        return (alone and sure and find.score >= self.config.sure_score) or self._is_decided(pair, known)

    def _is_decided(self, pair: Pair, known: KnownObject) -> bool:
        """Whether looks alone say whose a find is, of those that are there."""
        least = self.config.min_likeness - NEARLY_LIKE
        like = pair.likeness is not None and pair.likeness >= least
        return like and pair.lead >= FAR_AHEAD and pair.reason != "lost" and not known.by_hand

    def _mending(self, pair: Pair, found: Sequence[Detection]) -> Mending:
        well_at = self._known[pair.object_id].trusted.frame_idx
        find = found[pair.place]
        return Mending(pair.object_id, find, pair.reason, pair.overlap, pair.likeness, well_at)
