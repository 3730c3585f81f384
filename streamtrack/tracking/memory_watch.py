"""What of one object is remembered, where it is expected, and whether it is itself that was found again.

Sources: SAMURAI (arXiv:2411.11922) for motion and for which frames are fit to be remembered, DAM4SAM
(arXiv:2411.17576) for the frames on which a look-alike was told apart. Both follow one object through a film;
here each object of a stream has its own watch, of a fixed size, that can be set back to a past frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from streamtrack.engine.appearance import Appearance, alike
from streamtrack.engine.view import Expected
from streamtrack.model.interface import Size
from streamtrack.tracking.kalman import Box, Motion, box_iou
from streamtrack.tracking.memory_rules import ALL_WELL, MemoryRules, Sight, Verdict

HIDDEN_FRAMES = 3
"""Hidden for so many frames or more, an object that shows again has to be confirmed."""
KNOWN_AREAS = 3
"""Of so many frames the area must be known before it says anything: a given mask is not the network's own."""
AREAS = 10
"""Frames of whose areas the median is the object's."""
PLACE_FRAMES = 5
"""Frames in a row on which it was seen well before anybody is sent to look for it where it goes."""
PATIENCE = 1.03
"""By how much larger it may be for every frame since one was remembered: what stays as large is its size in
the end."""
GALLERY = 8
"""Looks that are remembered: that of the last prompt, and the newest of frames that were remembered."""
GALLERY_EVERY = 10
"""Frames between two of them: neighbours look the same."""
REACH, REACH_SPEED = 2.0, 0.5
"""How far from where it was last seen an object is plausibly found again: so many times its longer side, and
for every frame that it was hidden this much more."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """How an object stood after a frame."""

    motion: Motion | None
    stable: int
    frame_size: Size
    areas: tuple[int, ...]
    gallery: tuple[Appearance, ...]
    gallery_key: int
    anchor_key: int | None
    last_box: Box | None
    hidden: int = 0
    """Frames since it was seen and confirmed; 0: it was on this one."""
    agreeing: int = 0
    """Frames in a row on which what shows again looked like it."""
    unfit: int = 0
    """Frames on which it was seen since one was remembered."""

    @property
    def wants_confirmation(self) -> bool:
        """Whether it was hidden for so long that what shows next may be another."""
        return self.hidden >= HIDDEN_FRAMES


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

    def judge(self, key: int, sight: Sight, *, prompted: bool = False) -> Verdict:
        """What is made of a frame that was just seen."""
        past = self._before(key)
        if prompted or past is None:
            self._keep(key, self._begin(key, sight, past))
            return ALL_WELL
        if past.frame_size != sight.frame_size:
            # Pixels of another size: motion and areas begin anew, looks stay.
            past = replace(past, motion=None, stable=0, areas=(), last_box=None)
        if not sight.fit:
            self._keep(key, _moved_on(past))
            confirmed = not past.wants_confirmation
            return Verdict(remember=False, anchor=False, confirmed=confirmed)
        if sight.box is None:
            gone = replace(_moved_on(past), hidden=past.hidden + 1, agreeing=0, stable=0)
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
            self._keep(key, replace(_moved_on(past), hidden=past.hidden + 1, stable=0))
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

    def similarity(self, appearance: Appearance | None, key: int) -> float | None:
        """How alike a look is to what was remembered before a frame, -1 to 1; None where nothing was."""
        past = self._before(key)
        return None if past is None else _similarity(past.gallery, appearance)

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self, key: int, sight: Sight, past: Past | None) -> Past:
        """After a prompt: what it shows is the object."""
        gallery = (() if past is None else past.gallery) + _look(sight)
        return Past(
            motion=None if sight.box is None else Motion.start(sight.box),
            stable=1 if sight.box is not None else 0,
            frame_size=sight.frame_size,
            areas=(sight.area_px,) if sight.area_px else (),
            gallery=_newest(gallery, first=_look(sight)),
            gallery_key=key,
            anchor_key=None if past is None else past.anchor_key,
            last_box=sight.box,
        )

    def _see(self, key: int, sight: Sight, box: Box, past: Past) -> Verdict:
        """The object shows, as it did before."""
        rules = self.rules
        expected = None if past.motion is None else past.motion.predict()
        known = expected is not None and past.stable >= rules.stable_frames
        motion_iou = box_iou(expected.box, box) if expected is not None and known else 1.0
        # A mask that may be two things' says nothing of where this one goes.
        its_own = not sight.contested and self._is_sized(sight, past)
        fits = (
            its_own
            and sight.iou_score > rules.least_iou
            and sight.object_score > rules.least_object_score
            and (motion_iou > rules.least_motion or not known)
        )
        anchor = fits and self._is_anchor(key, sight, past)
        stable, motion = 0, expected
        if not its_own and expected is not None:
            stable = past.stable
        elif sight.iou_score > rules.stable_iou:
            stable = past.stable + 1
            motion = Motion.start(box) if expected is None or past.stable == 0 else expected.update(box)
        seen = replace(
            past,
            motion=motion,
            stable=stable,
            frame_size=sight.frame_size,
            areas=(*past.areas[1 - AREAS :], sight.area_px) if fits else past.areas,
            unfit=0 if fits else past.unfit + 1,
            anchor_key=key if anchor else past.anchor_key,
            last_box=box,
            hidden=0,
            agreeing=0,
        )
        if fits and key - past.gallery_key >= GALLERY_EVERY:
            gallery = _newest(past.gallery + _look(sight), first=past.gallery[:1])
            seen = replace(seen, gallery=gallery, gallery_key=key)
        self._keep(key, seen)
        return Verdict(remember=fits, anchor=anchor, confirmed=True)

    def _is_sized(self, sight: Sight, past: Past) -> bool:
        """Whether it is not much larger than it was, as two that are taken for one are; half hidden it may be
        smaller."""
        if len(past.areas) < KNOWN_AREAS:
            return True
        return sight.area_px <= self.rules.most_growth * PATIENCE**past.unfit * median(past.areas)

    def _is_anchor(self, key: int, sight: Sight, past: Past) -> bool:
        rules = self.rules
        if not rules.anchors or not past.areas:
            return False
        ratio = sight.area_px / median(past.areas)
        return (
            sight.iou_score > rules.anchor_iou
            and abs(ratio - 1) <= rules.anchor_area
            and sight.rival <= rules.anchor_rival
            and (past.anchor_key is None or key - past.anchor_key > rules.anchor_every)
        )

    def _confirm(self, key: int, sight: Sight, box: Box, past: Past) -> Verdict:
        """Something shows where the object was hidden: is it the object?"""
        similarity = _similarity(past.gallery, sight.appearance)
        looks_like_it = similarity is None or similarity >= self._least_alike(past.gallery)
        same = looks_like_it and _plausible(box, past) and not sight.contested
        agreeing = past.agreeing + 1 if same else 0
        if same and agreeing >= self.rules.found_frames:
            begun = replace(past, motion=Motion.start(box), stable=0, hidden=0, agreeing=0, areas=())
            return self._see(key, sight, box, begun)
        motion = Motion.start(box) if same else None
        self._keep(key, replace(past, hidden=past.hidden + 1, agreeing=agreeing, motion=motion, stable=0))
        return Verdict(remember=False, anchor=False, confirmed=False, same=same)

    def _least_alike(self, gallery: tuple[Appearance, ...]) -> float:
        """How alike a look must be to be the object's: nearly as much as its own are among themselves."""
        least = self.rules.found_similarity
        if len(gallery) < 2:
            return least
        nearest = [
            max(alike(one, other) for j, other in enumerate(gallery) if i != j)
            for i, one in enumerate(gallery)
        ]
        return max(least, median(nearest) - self.rules.found_margin)

    def _before(self, key: int) -> Past | None:
        index = max((index for index in self._past if index < key), default=None)
        if index is None:
            return None
        past = self._past[index]
        if any(index < cut <= key for cut in self._cuts):
            hidden = max(past.hidden, HIDDEN_FRAMES)
            past = replace(past, motion=None, stable=0, last_box=None, hidden=hidden, agreeing=0)
        return past

    def _keep(self, key: int, past: Past) -> None:
        self._past[key] = past
        for index in [index for index in self._past if index < key - self.history]:
            del self._past[index]
        self._cuts = {cut for cut in self._cuts if cut > key - self.history}


def _moved_on(past: Past) -> Past:
    """A frame later, of which nothing is known."""
    return past if past.motion is None else replace(past, motion=past.motion.predict())


def _look(sight: Sight) -> tuple[Appearance, ...]:
    return (sight.appearance,) if sight.appearance is not None and sight.appearance.any() else ()


def _newest(gallery: tuple[Appearance, ...], first: tuple[Appearance, ...]) -> tuple[Appearance, ...]:
    """The look of the last prompt, and the newest others."""
    others = tuple(look for look in gallery if not any(look is one for one in first))
    return (*first, *others[len(first) - GALLERY :])


def _similarity(gallery: tuple[Appearance, ...], appearance: Appearance | None) -> float | None:
    if appearance is None or not gallery:
        return None
    return max(alike(look, appearance) for look in gallery)


def _plausible(box: Box, past: Past) -> bool:
    """Whether it can have come here since it was last seen."""
    if past.last_box is None:
        return True
    (x, y), (last_x, last_y) = (((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in (box, past.last_box))
    side = max(past.last_box[2] - past.last_box[0], past.last_box[3] - past.last_box[1], 1.0)
    return math.hypot(x - last_x, y - last_y) <= (REACH + REACH_SPEED * past.hidden) * side
