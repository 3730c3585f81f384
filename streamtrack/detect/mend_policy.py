"""Which finds mend which objects. Pure: time, finds, masks and likenesses are arguments.

One find goes to one object at most, by optimal assignment; what a healthy object holds is taken by none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from streamtrack.clock import NS_PER_S
from streamtrack.config import MendConfig
from streamtrack.detect.assignment import assign
from streamtrack.detect.boxes import Box, box_iou
from streamtrack.detect.detector import Detection
from streamtrack.detect.known_object import NEAR, KnownObject
from streamtrack.detect.last_well import LastWell, area_of, centre_of, distance
from streamtrack.detect.mending import Likeness, Mending, MendPlan, Reason
from streamtrack.detect.start_policy import covers
from streamtrack.frame import ObjectMask, ObjectState

ADRIFT_LOOKS = 3
"""Looks in a row that met a mask with no find, behind as many that did, until it counts as adrift."""
SURELY_LIKE = 0.07
"""How far above `min_likeness` a find must be to mend at the first look."""
WITHIN: tuple[Reason, ...] = ("too_large", "several")
"""The object is under its mask, with more."""
INSIDE = 0.7
"""Share of a find's box that lies in the box of a mask under which it is."""
SOON_S = 1.0
"""An object whose mask is there was lost from sight no longer ago than this, as far as its reach goes."""
AWAY_S = 2
"""Who was lost, or met by no find for so long, may be somebody else when one agrees again."""
SURELY_UNLIKE = 0.1
"""How far below `min_likeness` an object that is back must be to be another one."""
KEEP_LOOK_EVERY_S = 2
"""Seconds between two looks at an object that are kept: each may cost an encoder pass."""
VISIBLE = (ObjectState.TRACKING, ObjectState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class _Pair:
    """An object that is in doubt, and a find that may be it."""

    object_id: int
    place: int
    reason: Reason
    overlap: float
    likeness: float | None
    nearness: float
    """1 where it is expected, 0 at the end of its reach."""

    @property
    def worth(self) -> float:
        return self.nearness + (0.5 if self.likeness is None else self.likeness) + 1.0


@dataclass(slots=True)
class Mender:
    """Decides for one stream. What it remembers is of objects that there are."""

    config: MendConfig
    _known: dict[int, KnownObject] = field(default_factory=dict)
    _learning: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Of objects of which no class is known: the class of finds that agreed, and how often in a row."""

    def started(self, object_id: int, find: Detection, frame_idx: int, now_ns: int) -> None:
        """An object was started on a find."""
        self._known[object_id] = KnownObject(LastWell.of(find, frame_idx, now_ns))

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
        agreed = self._agreements(found, objects, now_ns)
        for object_id, place in agreed.items():
            if not self._is_another(object_id, found[place], now_ns, likeness):
                self._note_well(object_id, found[place], objects[object_id], frame_idx, now_ns)
        taken = set(agreed.values())
        in_doubt = {
            object_id: reason
            for object_id, known in self._known.items()
            if object_id not in agreed
            and (reason := self._doubt(known, objects[object_id], found, taken, now_ns)) is not None
        }
        healthy = [mask for object_id, mask in objects.items() if object_id not in in_doubt]
        free = [
            place
            for place, find in enumerate(found)
            if find.score >= self.config.min_score
            and place not in taken
            and not any(covers(mask, find.box) for mask in healthy)
        ]
        pairs = self._pairs(in_doubt, objects, found, free, now_ns, likeness)
        chosen = assign({(pair.object_id, pair.place): pair.worth for pair in pairs})
        best = [pair for pair in pairs if (pair.object_id, pair.place) in chosen]
        for object_id in self._known.keys() - {pair.object_id for pair in best}:
            self._known[object_id].candidate = None
        ready = [pair for pair in best if self._is_ready(pair, pairs, found, now_ns)]
        mendings = [self._mending(pair, found) for pair in ready]
        claimed = frozenset(pair.place for pair in best)
        pending = frozenset(pair.object_id for pair in best)
        others = frozenset(key for key, known in self._known.items() if known.unlike >= self.config.looks)
        return MendPlan(tuple(mendings), pending, claimed, others, self._to_keep(agreed, objects, now_ns))

    def mended(self, mending: Mending, frame_idx: int, now_ns: int) -> None:
        """A planned mending was carried out."""
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

    def _agreements(
        self, found: Sequence[Detection], objects: Mapping[int, ObjectMask], now_ns: int
    ) -> dict[int, int]:
        """Objects whose masks a find agrees with, and its place. Of several on one thing it is that which was
        expected there."""
        weights = {
            (object_id, place): overlap + self._nearness(object_id, find, now_ns)
            for object_id, mask in objects.items()
            if mask.area_px and mask.state in VISIBLE
            for place, find in enumerate(found)
            if self._may_be(object_id, find)
            and (overlap := box_iou(_box(mask), find.box)) >= self.config.disagree_iou
            and self._times_too_large(mask, find) <= 1
            and not _holds_another(mask, find, found, self.config)
        }
        return dict(assign(weights))

    def _nearness(self, object_id: int, find: Detection, now_ns: int) -> float:
        """1 where an object is expected, 0 beyond its reach, and where nothing is known of it."""
        known = self._known.get(object_id)
        return 0.0 if known is None else max(0.0, 1 - known.far(find, now_ns, self.config.reach, SOON_S))

    def _may_be(self, object_id: int, find: Detection) -> bool:
        known = self._known.get(object_id)
        if known is not None:
            return find.class_name == known.well.class_name
        return self.config.objects == "all"

    def _times_too_large(self, mask: ObjectMask, find: Detection) -> float:
        """Above 1 where a mask covers more than a find shows."""
        larger = max(mask.area_px, area_of(_box(mask)))
        return larger / max(1.0, area_of(find.box)) / self.config.over_box

    def _is_lost_in(self, known: KnownObject, mask: ObjectMask, find: Detection) -> bool:
        """Whether a find may be an object of which the mask shows far more."""
        return (
            known.fits(find)
            and self._times_too_large(mask, find) > 1
            and _share_in(find.box, _box(mask)) >= INSIDE
        )

    def _is_another(self, object_id: int, find: Detection, now_ns: int, likeness: Likeness) -> bool:
        """Whether an object that was lost and is back looks like something else."""
        known = self._known.get(object_id)
        if known is None or not (known.was_lost or now_ns - known.well.seen_ns >= AWAY_S * NS_PER_S):
            return False
        [like] = likeness(object_id, [find.box])
        another = like is not None and like < self.config.min_likeness - SURELY_UNLIKE
        known.unlike = known.unlike + 1 if another else 0
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
                self._known[object_id] = KnownObject(LastWell.of(find, frame_idx, now_ns))
            return
        known.agree(find, frame_idx, now_ns)

    def _doubt(
        self,
        known: KnownObject,
        mask: ObjectMask,
        found: Sequence[Detection],
        taken: Collection[int],
        now_ns: int,
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
        if any(box_iou(one.box, other.box) < self.config.disagree_iou for one in held for other in held):
            return "several"
        if any(self._is_lost_in(known, mask, one) for one in found):
            return "too_large"
        if held and all(place in taken for place in places):
            return "shared"
        if known.by_hand:
            return None
        if any(_is_part_of(known, mask, one, self.config.over_box) for one in found):
            return "too_small"
        if mask.state is ObjectState.UNCERTAIN:
            return "uncertain"
        adrift = known.unmet >= ADRIFT_LOOKS and known.well.times >= ADRIFT_LOOKS
        return "adrift" if adrift and not held else None

    def _to_keep(
        self, agreed: Mapping[int, int], objects: Mapping[int, ObjectMask], now_ns: int
    ) -> tuple[int, ...]:
        due = []
        for object_id in agreed:
            known = self._known.get(object_id)
            if known is None or known.unlike or objects[object_id].state is not ObjectState.TRACKING:
                continue
            if known.kept_ns is None or now_ns - known.kept_ns >= KEEP_LOOK_EVERY_S * NS_PER_S:
                known.kept_ns = now_ns
                due.append(object_id)
        return tuple(due)

    def _pairs(
        self,
        in_doubt: Mapping[int, Reason],
        objects: Mapping[int, ObjectMask],
        found: Sequence[Detection],
        free: Sequence[int],
        now_ns: int,
        likeness: Likeness,
    ) -> list[_Pair]:
        pairs = []
        for object_id, reason in in_doubt.items():
            known = self._known[object_id]
            near: list[tuple[int, float]] = []
            mask = objects[object_id]
            for place in free:
                # What covers too much covers the object as well; what is still there cannot be far.
                if reason in WITHIN and _share_in(found[place].box, _box(mask)) < INSIDE:
                    continue
                if reason == "lost" and not known.may_be_found(
                    found[place], now_ns, self.config.gone_after_ms
                ):
                    continue
                longest_s = None if reason == "lost" else SOON_S
                far = known.far(found[place], now_ns, self.config.reach, longest_s)
                if far < 1 and known.fits(found[place]):
                    near.append((place, 1 - far))
            if not near or known.rests(self.config.cooldown_ms, now_ns):
                continue
            alike = likeness(object_id, [found[place].box for place, _ in near])
            for (place, nearness), like in zip(near, alike, strict=True):
                if self._is_like(reason, like):
                    overlap = box_iou(_box(objects[object_id]), found[place].box)
                    pairs.append(_Pair(object_id, place, reason, overlap, like, nearness))
        return pairs

    def _is_like(self, reason: Reason, like: float | None) -> bool:
        # What is gone is found by its looks alone; what is there was looked at a moment ago.
        return reason != "lost" if like is None else like >= self.config.min_likeness

    def _is_ready(self, pair: _Pair, pairs: Sequence[_Pair], found: Sequence[Detection], now_ns: int) -> bool:
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
        return alone and sure and find.score >= self.config.sure_score

    def _mending(self, pair: _Pair, found: Sequence[Detection]) -> Mending:
        well_at = self._known[pair.object_id].well.frame_idx
        find = found[pair.place]
        return Mending(pair.object_id, find, pair.reason, pair.overlap, pair.likeness, well_at)


def _holds_another(mask: ObjectMask, find: Detection, found: Sequence[Detection], config: MendConfig) -> bool:
    """Whether a mask covers a second find of the class beside the one that it agrees with."""
    return any(
        other.class_name == find.class_name
        and other.score >= config.min_score
        and box_iou(other.box, find.box) < config.disagree_iou
        and covers(mask, other.box)
        for other in found
    )


def _is_part_of(known: KnownObject, mask: ObjectMask, find: Detection, over_box: float) -> bool:
    """Whether a mask is far less than a find shows, as that of what was started while it came in."""
    inside = _share_in(_box(mask), find.box) >= INSIDE
    return known.fits(find) and inside and area_of(find.box) > over_box * area_of(_box(mask))


def _box(mask: ObjectMask) -> Box:
    x0, y0, x1, y1 = mask.box
    return float(x0), float(y0), float(x1), float(y1)


def _share_in(inner: Box, outer: Box) -> float:
    """Share of a box that lies in another, 0 to 1."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    return max(0.0, width) * max(0.0, height) / max(1.0, area_of(inner))
