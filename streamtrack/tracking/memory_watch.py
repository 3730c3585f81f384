"""What of one object is remembered, where it is expected, and whether it is itself that was found again.

Sources: SAMURAI (arXiv:2411.11922) for motion and for which frames are fit to be remembered, DAM4SAM
(arXiv:2411.17576) for the frames on which a look-alike was told apart. Both follow one object through a film;
here each object of a stream has its own watch, of a fixed size, that can be set back to a past frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from streamtrack.engine.view import Expected
from streamtrack.model.interface import Size
from streamtrack.tracking.colours import Colours
from streamtrack.tracking.gallery import is_known, with_look
from streamtrack.tracking.kalman import Box, Motion, box_iou, completed
from streamtrack.tracking.memory_rules import ALL_WELL, MemoryRules, Sight, Verdict
from streamtrack.tracking.past import HIDDEN_FRAMES, Past
from streamtrack.tracking.whereabouts import NOWHERE, PART, WHOLE, Whereabouts, length_of

KNOWN_AREAS = 3
"""Of so many frames the area must be known before it says anything: a given mask is not the network's own."""
AREAS = 10
"""Frames of whose areas the median is the object's."""
PLACE_FRAMES = 5
"""Frames in a row on which it was seen well before anybody is sent to look for it where it goes."""
PATIENCE = 1.03
"""By how much larger it may be for every frame since one was remembered: what stays as large is its size in
the end."""
PATIENCE_FRAMES = 1_000
"""After so many of them any size is its own; a power of more has no number."""
LONGEST_HIDDEN = 45
"""Frames after which nobody expects it where its motion would have taken it."""
GALLERY_EVERY = 10
"""Frames between two of them: neighbours look the same."""
PARTLY_FRAMES = 30
"""For so many frames in a row a smaller mask is a part of the object; then it is its size."""
AT_PLACE = 0.5
"""Share of a box that lies in the expected one from which on something is where it should be."""


@dataclass(slots=True)
class MemoryWatch:
    """Watches one object over its frames; they are numbered by key, ascending."""

    rules: MemoryRules
    history: int
    """Frames to which it can be set back."""
    _past: dict[int, Past] = field(default_factory=dict)
    _cuts: set[int] = field(default_factory=set)

    def expected(self, key: int, frame_size: Size) -> Expected | None:
        """Where to expect the object on a frame; None where its motion is not known."""
        past = self._before(key)
        if past is None or past.motion is None or past.frame_size != frame_size:
            return None
        if past.stable < self.rules.stable_frames or not self.rules.motion_weight:
            return None
        return Expected(past.motion.predict().box, self.rules.motion_weight)

    def place(self, key: int, frame_size: Size) -> Box | None:
        """The box in which to find it on a frame, where that can be told at all."""
        past = self._before(key)
        if past is None or past.motion is None or past.frame_size != frame_size:
            return None
        return past.motion.predict().box if past.stable >= PLACE_FRAMES else None

    def refuses(self, key: int, box: Box, frame_size: Size) -> bool:
        """Whether what shows on a frame cannot be the object, wherever it is and whatever it looks like."""
        past = self._before(key)
        if past is None or past.frame_size != frame_size:
            return False
        if past.agreeing and past.motion is not None and box_iou(past.motion.predict().box, box) > 0:
            return False
        return past.where.refuses(box, frame_size)

    def hiding_place(self, key: int, frame_size: Size) -> Box | None:
        """The box in which it shows on a frame if it comes out from behind something; None where it may be
        anywhere, or outside."""
        past = self._before(key)
        if past is None or past.motion is None or past.frame_size != frame_size:
            return None
        where = past.where
        known = where.pace is not None and not where.leaving and not where.away
        return past.motion.predict().box if known and past.hidden < LONGEST_HIDDEN else None

    def door(self, key: int, frame_size: Size) -> Box | None:
        """The box in which it shows on a frame if it comes back into the picture where it went; None where
        nobody waits for that."""
        past = self._before(key)
        if past is None or past.last_box is None or past.agreeing or past.frame_size != frame_size:
            return None
        return past.where.door(past.last_box, frame_size)

    def judge(self, key: int, sight: Sight, *, prompted: bool = False) -> Verdict:
        """What is made of a frame that was just seen."""
        past = self._before(key)
        if prompted or past is None:
            self._keep(key, self._begin(key, sight, past))
            return ALL_WELL
        if past.frame_size != sight.frame_size:
            # Pixels of another size: motion and areas begin anew, looks stay.
            past = replace(past, motion=None, stable=0, areas=(), last_box=None, where=NOWHERE)
        if not sight.fit:
            self._keep(key, _moved_on(past))
            confirmed = not past.wants_confirmation
            return Verdict(remember=False, anchor=False, confirmed=confirmed)
        if sight.box is None:
            where = past.where.hidden(sight.stranger)
            gone = replace(_moved_on(past), hidden=past.hidden + 1, agreeing=0, stable=0, where=where)
            self._keep(key, gone)
            return Verdict(remember=False, anchor=False, confirmed=not gone.wants_confirmation)
        if past.wants_confirmation:
            return self._confirm(key, sight, sight.box, past)
        return self._see(key, sight, sight.box, past)

    def note_carried(self, key: int, box: Sequence[int] | None, frame_size: Size) -> None:
        """A frame that the network did not look at: where flow has the object, x0, y0, x1, y1; None where it
        is hidden or has left the picture."""
        past = self._before(key)
        if past is None:
            return
        if past.hidden or box is None:
            where = past.where.hidden(None)
            self._keep(key, replace(_moved_on(past), hidden=past.hidden + 1, stable=0, where=where))
            return
        moved = _moved_on(past)
        place = float(box[0]), float(box[1]), float(box[2]), float(box[3])
        if moved.motion is not None and past.frame_size == frame_size:
            moved = replace(moved, motion=moved.motion.update(place))
        self._keep(key, replace(moved, last_box=place))

    def note_cut(self, key: int) -> None:
        """With this frame another scene begins: nobody knows where the object is, or whether."""
        self._cuts.add(key)

    def restart(self, key: int) -> None:
        """Forget what was seen from a frame on: it will be looked at again."""
        for index in [index for index in self._past if index >= key]:
            del self._past[index]

    @property
    def newest(self) -> tuple[int, Past] | None:
        """How the object stood after the newest frame, and that frame's key."""
        return max(self._past.items(), key=lambda item: item[0]) if self._past else None

    def resume(self, key: int, past: Past) -> None:
        """Go on behind a frame after which the object stood so."""
        self._keep(key, past)

    def colours(self, key: int) -> tuple[Colours, ...]:
        """Those that were remembered before a frame."""
        past = self._before(key)
        return () if past is None else past.colours

    def is_unlike(self, key: int, colours: Colours | None, area_px: int) -> bool:
        """Whether what shows on a frame is somebody else than an object that was gone for long."""
        past, least = self._before(key), self.rules.found_colours
        return past is not None and colours is not None and past.is_unlike(colours, area_px, least)

    def wants_look(self, key: int) -> bool:
        """Whether it has to be known how what shows on a frame looks."""
        past = self._before(key)
        return past is None or past.wants_confirmation or key - past.gallery_key >= GALLERY_EVERY

    def hidden(self, key: int) -> int:
        """Frames before one since the object was seen, and confirmed to be itself; 0 where a scene begins."""
        past = None if key in self._cuts else self._before(key)
        return 0 if past is None else past.hidden

    def waits(self, key: int) -> bool:
        """Whether what shows on a frame has to be confirmed to be the object."""
        past = self._before(key)
        return past is not None and past.wants_confirmation

    def in_doubt(self, key: int) -> bool:
        """Whether what shows on a frame may be somebody else: the object was hidden before, or a stranger is
        about."""
        past = self._before(key)
        return past is not None and (past.hidden > 0 or past.where.stranger is not None)

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self, key: int, sight: Sight, past: Past | None) -> Past:
        """After a prompt: what it shows is the object."""
        known = () if past is None else past.gallery
        return Past(
            motion=None if sight.box is None else Motion.start(sight.box),
            stable=1 if sight.box is not None else 0,
            frame_size=sight.frame_size,
            areas=(sight.area_px,) if sight.area_px else (),
            gallery=with_look(known, sight.look, prompted=True),
            gallery_key=key,
            anchor_key=None if past is None else past.anchor_key,
            last_box=sight.box,
            where=_began(past, sight),
        )

    def _see(self, key: int, sight: Sight, box: Box, past: Past) -> Verdict:
        """The object shows, as it did before."""
        rules = self.rules
        expected = None if past.motion is None else past.motion.predict()
        known = expected is not None and past.stable >= rules.stable_frames
        motion_iou = box_iou(expected.box, box) if expected is not None and known else 1.0
        # A mask that may be two things' says nothing of where this one goes; a part says where its edge is.
        its_own = not sight.contested and _is_sized(sight, past, rules.most_motion_growth)
        areas = past.areas if past.partly < PARTLY_FRAMES else (sight.area_px,)
        share = sight.area_px / median(areas) if len(areas) >= KNOWN_AREAS else 1.0
        whole = share >= WHOLE
        fits = (
            not sight.contested
            and _is_sized(sight, past, rules.most_growth)
            and sight.iou_score > rules.least_iou
            and sight.object_score > rules.least_object_score
            and (motion_iou > rules.least_motion or not known)
        )
        anchor = fits and _is_anchor(key, sight, past, rules)
        stable, motion = 0, expected
        if expected is not None and not (its_own and share >= PART):
            stable = past.stable
        elif sight.iou_score > rules.stable_iou:
            stable = past.stable + 1
            if expected is None or past.stable == 0:
                motion = Motion.start(box)
            else:
                all_of_it = box if whole else completed(box, past.last_box or box, expected.box)
                motion = expected.update(all_of_it)
        paced = motion if stable >= PLACE_FRAMES else None
        seen = replace(
            past,
            motion=motion,
            stable=stable,
            frame_size=sight.frame_size,
            areas=(*areas[1 - AREAS :], sight.area_px) if fits and whole else areas,
            unfit=0 if fits else past.unfit + 1,
            anchor_key=key if anchor else past.anchor_key,
            last_box=box,
            hidden=0,
            agreeing=0,
            partly=0 if whole else past.partly + 1,
            where=past.where.seen(box, paced, sight.frame_size, whole=its_own and whole),
        )
        if fits and key - past.gallery_key >= GALLERY_EVERY:
            gallery = with_look(past.gallery, sight.look, prompted=False)
            seen = replace(seen, gallery=gallery, gallery_key=key)
        self._keep(key, seen)
        return Verdict(remember=fits, anchor=anchor, confirmed=True)

    def _confirm(self, key: int, sight: Sight, box: Box, past: Past) -> Verdict:
        """Something shows where the object was hidden: is it the object?"""
        expected = self.hiding_place(key, sight.frame_size)
        at_place = expected is not None and _share_in(box, expected) >= AT_PLACE
        looks_like_it = is_known(past.gallery, sight.look, self.rules)
        anywhere = past.where.away > 0 or past.last_box is None
        near = anywhere or past.where.far(box, past.last_box or box, past.hidden) <= 1
        same = looks_like_it and near and not sight.contested
        agreeing = past.agreeing + 1 if same else 0
        if same and agreeing >= self.rules.found_frames:
            motion = past.motion if at_place else Motion.start(box)
            begun = replace(past, motion=motion, stable=0, hidden=0, agreeing=0, unfit=past.hidden)
            return self._see(key, sight, box, begun)
        motion = Motion.start(box) if same and not at_place else _moved_on(past).motion
        self._keep(key, replace(past, hidden=past.hidden + 1, agreeing=agreeing, motion=motion, stable=0))
        return Verdict(remember=False, anchor=False, confirmed=False, same=same)

    def _before(self, key: int) -> Past | None:
        index = max((index for index in self._past if index < key), default=None)
        if index is None:
            return None
        past = self._past[index]
        if any(index < cut <= key for cut in self._cuts):
            hidden = max(past.hidden, HIDDEN_FRAMES)
            past = replace(
                past, motion=None, stable=0, last_box=None, hidden=hidden, agreeing=0, where=NOWHERE
            )
        return past

    def _keep(self, key: int, past: Past) -> None:
        self._past[key] = past
        for index in [index for index in self._past if index < key - self.history]:
            del self._past[index]
        self._cuts = {cut for cut in self._cuts if cut > key - self.history}


def _is_anchor(key: int, sight: Sight, past: Past, rules: MemoryRules) -> bool:
    """Whether a look-alike was told apart on a frame."""
    if not rules.anchors or not past.areas:
        return False
    ratio = sight.area_px / median(past.areas)
    return (
        sight.iou_score > rules.anchor_iou
        and abs(ratio - 1) <= rules.anchor_area
        and sight.rival <= rules.anchor_rival
        and (past.anchor_key is None or key - past.anchor_key > rules.anchor_every)
    )


def _moved_on(past: Past) -> Past:
    """A frame later, of which nothing is known."""
    return past if past.motion is None else replace(past, motion=past.motion.predict())


def _is_sized(sight: Sight, past: Past, most: float) -> bool:
    """Whether it is not much larger than it was, as two that are taken for one are; half hidden it may be
    smaller."""
    if len(past.areas) < KNOWN_AREAS:
        return True
    return sight.area_px <= most * PATIENCE ** min(past.unfit, PATIENCE_FRAMES) * median(past.areas)


def _began(past: Past | None, sight: Sight) -> Whereabouts:
    """Where it is by a prompt; how fast it went stays."""
    if sight.box is None:
        return NOWHERE
    if past is None or past.where.pace is None or past.frame_size != sight.frame_size:
        return Whereabouts(length=length_of(sight.box))
    return past.where.seen(sight.box, None, sight.frame_size, whole=False)


def _share_in(inner: Box, outer: Box) -> float:
    """Share of a box that lies in another, 0 to 1."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(0.0, width) * max(0.0, height) / max(area, 1e-6)
