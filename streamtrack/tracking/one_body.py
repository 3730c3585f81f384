"""Keeps a mask on the body that it was on.

A network that knows an object by its looks takes others that look like it along: a mask that comes near a
second person covers both, remembers both, and from then on everybody. Where an object was on the frames
before tells which of them it is: of several bodies those stay that lie where it is expected, and of a mask in
which two have grown together what lies under the object's last own outline, moved on. Masks that are not
larger than usual stay as they are, and so do those that have grown as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.view import OUTSIDE_LOGIT, View
from streamtrack.frame import BoolMask
from streamtrack.model.interface import Size
from streamtrack.tracking.outline import Outline, Placed, box_of, length_of, moved, outline_at, outline_of

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the picture."""
Logits = NDArray[np.float32]
"""(h, w) mask logits of a view."""


KNOWN_FRAMES = 3
"""Of so many frames the outline must be known before it says how an object grows: what a prompt shows is
often a part of it."""


@dataclass(frozen=True, slots=True)
class BodyRules:
    """When something is another body. Lengths are in longer sides of the object."""

    reach: float = 0.1
    """How far from where it is expected an object may lie."""
    edge: float = 0.05
    """How far beside its outline a part of it may lie."""
    haste: float = 0.5
    """How much further, in steps that it goes from frame to frame."""
    share: float = 0.3
    """Of a body that must lie there for it to be the object's."""
    grown: float = 1.35
    """Times the object's usual area that a mask may have where much of it lies elsewhere."""
    clean: float = 1.2
    """Times that area up to which a mask is the outline that the next are expected to have."""
    shrink: float = 0.95
    """What is left of the usual area, from frame to frame, where masks are smaller."""
    rise: float = 0.15
    """By how much of the difference the usual area follows a larger one."""
    alike: float = 0.75
    """IoU with its outline, scaled, of a mask that has grown as a whole."""
    haste_alike: float = 0.9
    """The same of one that has grown faster than what comes nearer does."""
    nearing: float = 1.12
    """Times its area that what comes nearer has a frame later, at most."""
    patience: int = 12
    """Frames after which a mask that stays large is the object's after all."""
    blind: int = 8
    """Frames without a mask after which nothing is known of where the object is."""
    little: float = 0.02
    """Of a mask that may lie on others."""
    least: float = 0.3
    """Of the usual area which must be left; else the object has gone elsewhere, and the mask stays."""


@dataclass(frozen=True, slots=True)
class KnownBody:
    """How an object was on a frame."""

    outline: Outline
    """Its last own one."""
    at: tuple[float, float]
    """x, y in pixels of the picture: where its middle is taken to be on this frame."""
    step: tuple[float, float]
    """How far it went a frame."""
    usual_px: float
    """Its usual area."""
    unclean: int = 0
    """Frames since a mask was its outline."""
    known: int = KNOWN_FRAMES
    """Frames since a prompt whose masks were its outline, as far as they count."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """How an outline lies in a mask that may be of more."""

    at: tuple[float, float]
    """Its middle, x, y in pixels of the picture."""
    cut: bool
    """The rest of the mask was cut away."""


@dataclass(slots=True)
class OneBody:
    """One object's outlines, over its frames; frames are numbered by key, ascending."""

    history: int
    """Frames of which they are kept, for corrections."""
    rules: BodyRules = BodyRules()
    _known: dict[int, KnownBody] = field(default_factory=dict)
    _sizes: dict[int, Size] = field(default_factory=dict)
    """Of the pictures of those frames."""
    _fits: dict[int, _Fit] = field(default_factory=dict)
    """Of frames whose masks may be of more."""
    _cut: int = -1

    def keep(
        self, key: int, logits: Logits, view: View, frame_size: Size, others: Sequence[Placed] = ()
    ) -> Logits | None:
        """A frame's mask without other bodies; None: nothing has to go.

        Args:
            frame_size: of the picture.
            others: where other objects are expected that are followed, near it.
        """
        mask = logits > 0
        before = self._before(key, frame_size)
        if before is None or key - before > self.rules.blind or not mask.any():
            return None
        self._fits.pop(key, None)
        now, last, frames = outline_of(mask, view), self._known[before], key - before
        kept: BoolMask | None = None
        if now.area_px > self.rules.clean * last.usual_px and not self._has_grown_evenly(now, last, frames):
            fit = self._fit(now, last, frames)
            kept = None if fit is None else self._own(now, last, fit)
            if fit is not None and kept is not None:
                self._fits[key] = _Fit(fit, cut=bool((kept != mask).any()))
        kept = self._beside(mask if kept is None else kept, key, now, last, frames, others)
        if (kept == mask).all():
            return None
        return np.where(kept | ~mask, logits, np.float32(OUTSIDE_LOGIT)).astype(np.float32)

    def placed(self, key: int, frame_size: Size) -> Placed | None:
        """Where the object is expected on a frame; None where nobody knows."""
        before = self._before(key, frame_size)
        if before is None or key - before > self.rules.blind:
            return None
        return Placed(self._known[before].outline, _ahead(self._known[before], key - before))

    def tell(self, key: int, crop: BoolMask, box: Box, frame_size: Size) -> None:
        """How the object was on a frame, a mask's crop at a box, by who knows; it has been so since."""
        told = outline_at(crop, box)
        for index in [index for index in self._known if index >= key]:
            known = self._known[index]
            at = told.middle if index == key else known.at
            told_of = replace(known, outline=told, at=at, usual_px=told.area_px, unclean=0)
            self._keep(index, told_of, self._sizes.get(index, frame_size))

    def note(self, key: int, crop: BoolMask, box: Box, frame_size: Size, *, prompted: bool = False) -> bool:
        """A frame's mask as it is shown, a crop at a box; False where it is rather of more than the object,
        and had better not be remembered. Where it is `prompted` it is the object's whatever it looks like."""
        if not crop.any():
            return True
        now = outline_at(crop, box)
        before = self._before(key, frame_size)
        if before is None or prompted or key - before > self.rules.blind:
            begun = KnownBody(now, now.middle, (0.0, 0.0), now.area_px, known=0)
            self._keep(key, begun, frame_size)
            return True
        last, frames = self._known[before], key - before
        rules, usual = self.rules, last.usual_px
        grown, fit = now.area_px > rules.clean * usual, self._fits.get(key)
        doubtful = grown and last.known >= KNOWN_FRAMES
        evenly = (fit is None or not fit.cut) and self._has_grown_evenly(now, last, frames)
        fit = None if evenly else fit
        at = now.middle if fit is None else fit.at
        moved = ((at[0] - last.at[0]) / frames, (at[1] - last.at[1]) / frames)
        step = (last.step[0] + moved[0]) / 2, (last.step[1] + moved[1]) / 2
        if doubtful and last.unclean < rules.patience and not evenly:
            unclean = last.unclean + frames
            there = (_ahead(last, frames), last.step) if fit is None else (at, step)
            self._keep(key, replace(last, at=there[0], step=there[1], unclean=unclean), frame_size)
            return False
        if now.area_px < usual:
            usual = max(now.area_px, usual * rules.shrink**frames)
        elif fit is None or grown:
            usual = now.area_px if grown else usual + rules.rise * (now.area_px - usual)
        known = min(KNOWN_FRAMES, last.known + 1)
        self._keep(key, KnownBody(now, at, step, usual, known=known), frame_size)
        return True

    def last(self, key: int) -> tuple[int, KnownBody] | None:
        """What is known after a frame: of how long ago, 1 for that frame itself, and how the object was."""
        index = self._before(key + 1)
        return None if index is None else (key + 1 - index, self._known[index])

    def resume(self, key: int, ago: int, known: KnownBody) -> None:
        """Go on behind a frame from what `last` told of it."""
        self._keep(key + 1 - ago, known)

    def note_cut(self, key: int) -> None:
        """With a frame another scene begins, where things are elsewhere."""
        self._cut = key

    def box(self, key: int) -> tuple[float, float, float, float] | None:
        """x0, y0, x1, y1 of the object on a frame, in pixels of the picture: of its mask, or of its outline
        where the mask is of more; None where the frame says nothing."""
        known = self._known.get(key)
        if known is None:
            return None
        x0, y0, x1, y1 = box_of(known.outline)
        across, down = (now - was for now, was in zip(known.at, known.outline.middle, strict=True))
        return x0 + across, y0 + down, x1 + across, y1 + down

    def restart(self, key: int) -> None:
        """Forget what was seen from a frame on."""
        for index in [index for index in self._known if index >= key]:
            del self._known[index]
        self._fits = {index: at for index, at in self._fits.items() if index < key}

    def _before(self, key: int, frame_size: Size | None = None) -> int | None:
        """The last frame before one that shows the same scene, in a picture of the same size."""
        since = self._cut if key >= self._cut else -1
        last = max((index for index in self._known if since <= index < key), default=None)
        same = last is None or frame_size is None or self._sizes.get(last, frame_size) == frame_size
        return last if same else None

    def _keep(self, key: int, known: KnownBody, frame_size: Size | None = None) -> None:
        self._known[key] = known
        self._sizes.pop(key, None)
        if frame_size is not None:
            self._sizes[key] = frame_size
        for index in [index for index in self._known if index <= key - self.history]:
            del self._known[index]
            self._sizes.pop(index, None)
        self._fits = {index: at for index, at in self._fits.items() if index > key - self.history}

    def _fit(self, now: Outline, last: KnownBody, frames: int) -> tuple[float, float] | None:
        """Where in a mask the object's outline lies, near where it is expected; None where it is not seen."""
        (rows, columns), view = now.mask.shape, now.view
        (x, y), across, down = _ahead(last, frames), view.width / columns, view.height / rows
        expected = moved(last.outline, (x, y), 1.0, now.mask.shape, view)
        if not expected.any():
            return None
        reach = min(max(1, round(self._reach_px(last, frames) / down)), rows, columns)
        cells_across, cells_down = _shift(now.mask, expected, reach)
        return x + cells_across * across, y + cells_down * down

    def _own(self, now: Outline, last: KnownBody, at: tuple[float, float]) -> BoolMask | None:
        """What of a mask is the object's whose outline lies there; None where that is too little."""
        rules, mask = self.rules, now.mask
        cells = last.usual_px / now.area_px * float(mask.sum())
        if mask.sum() <= rules.grown * cells:
            return mask
        beside = rules.edge if last.known >= KNOWN_FRAMES else rules.reach
        edge = beside * length_of(last.outline) * mask.shape[0] / now.view.height
        near = _dilated(moved(last.outline, at, 1.0, mask.shape, now.view), max(1, round(edge)))
        kept = _bodies_at(mask, near, rules.share)
        if kept.sum() > rules.grown * cells:
            kept = kept & near
        return kept if kept.sum() >= rules.least * cells else None

    def _beside(
        self,
        mask: BoolMask,
        key: int,
        now: Outline,
        last: KnownBody,
        frames: int,
        others: Sequence[Placed],
    ) -> BoolMask:
        """What of a mask does not lie where another object is expected and this one is not."""
        theirs = np.zeros_like(mask)
        for one in others:
            theirs |= moved(one.outline, one.at, 1.0, mask.shape, now.view)
        if np.count_nonzero(theirs & mask) <= self.rules.little * np.count_nonzero(mask):
            return mask
        fit = self._fits.get(key)
        at = self._fit(now, last, frames) if fit is None else fit.at
        if at is None:
            return mask
        edge = self.rules.edge * length_of(last.outline) * mask.shape[0] / now.view.height
        near = _dilated(moved(last.outline, at, 1.0, mask.shape, now.view), max(1, round(edge)))
        kept: BoolMask = mask & ~(theirs & ~near)
        cells = last.usual_px / now.area_px * float(np.count_nonzero(now.mask))
        gone = np.count_nonzero(mask) - np.count_nonzero(kept)
        if gone <= self.rules.little * np.count_nonzero(mask) or kept.sum() < self.rules.least * cells:
            return mask
        self._fits[key] = _Fit(at, cut=True)
        return _bodies_at(kept, near, self.rules.share)

    def _reach_px(self, last: KnownBody, frames: int) -> float:
        """How far from where it is expected it may be."""
        return (
            self.rules.reach * length_of(last.outline) + self.rules.haste * math.hypot(*last.step)
        ) * frames

    def _has_grown_evenly(self, now: Outline, last: KnownBody, frames: int) -> bool:
        """Whether a mask is the outline that was known, only larger, and where it should be: the object came
        nearer."""
        known = last.known >= KNOWN_FRAMES
        if known and math.dist(now.middle, _ahead(last, frames)) > self._reach_px(last, frames):
            return False
        scale = math.sqrt(now.area_px / last.outline.area_px)
        expected = moved(last.outline, now.middle, scale, now.mask.shape, now.view)
        both = np.count_nonzero(now.mask & expected)
        nearer = self.rules.nearing ** (last.unclean + frames) * last.outline.area_px
        slow = not known or now.area_px <= nearer
        alike = self.rules.alike if slow else self.rules.haste_alike
        # The scaled outline has as many cells, of which some may lie outside.
        return bool(both >= alike * (2 * np.count_nonzero(now.mask) - both))


def _shift(mask: BoolMask, outline: BoolMask, reach: int) -> tuple[int, int]:
    """By how many cells across and down an outline has to be moved, up to `reach` each way, to lie in a mask
    as far as it can; of equals the shortest way."""
    padded = cv2.copyMakeBorder(mask.astype(np.float32), reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    covered = cv2.matchTemplate(padded, outline.astype(np.float32), cv2.TM_CCORR)
    ways = np.arange(-reach, reach + 1, dtype=np.float32)
    cost = np.hypot(ways[:, None], ways[None]) / max(1, 2 * reach)
    down, across = np.unravel_index(int((np.round(covered) - cost).argmax()), covered.shape)
    return int(across) - reach, int(down) - reach


def _dilated(mask: BoolMask, cells: int) -> BoolMask:
    size = 2 * cells + 1
    grown: BoolMask = cv2.dilate(mask.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    return grown


def _ahead(last: KnownBody, frames: int) -> tuple[float, float]:
    """Where an object's middle is some frames on."""
    return last.at[0] + frames * last.step[0], last.at[1] + frames * last.step[1]


def _bodies_at(mask: BoolMask, near: BoolMask, share: float) -> BoolMask:
    """The pieces of a mask of which a share lies near where something is expected; all where none does."""
    number, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if number <= 2:
        return mask
    sizes = np.bincount(labels.ravel(), minlength=number).astype(np.float64)
    there = np.bincount(labels[near], minlength=number)
    own = there >= share * sizes
    own[0] = False
    if not own.any():
        return mask
    kept: BoolMask = own[labels]
    return kept
