"""Keeps a mask on the body that it was on.

A network that knows an object by its looks takes others that look like it along: a mask that comes near a
second person covers both, remembers both, and from then on everybody. Where an object was on the frames
before tells which of them it is: of several bodies those stay that lie where it is expected, and of a mask in
which two have grown together what lies under the object's last own outline, moved on. Masks that are not
larger than usual stay as they are, and so do those that have grown as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.view import OUTSIDE_LOGIT, View
from streamtrack.frame import BoolMask
from streamtrack.model.interface import Size

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the picture."""
Logits = NDArray[np.float32]
"""(h, w) mask logits of a view."""


@dataclass(frozen=True, slots=True)
class BodyRules:
    """When something is another body. Lengths are in longer sides of the object."""

    reach: float = 0.1
    """How far from where it is expected a part of an object may lie."""
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
    patience: int = 12
    """Frames after which a mask that stays large is the object's after all."""
    blind: int = 8
    """Frames without a mask after which nothing is known of where the object is."""
    least: float = 0.3
    """Of the usual area which must be left; else the object has gone elsewhere, and the mask stays."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask, and where it lies."""

    mask: BoolMask
    """(h, w), of a view."""
    view: View
    middle: tuple[float, float]
    """x, y of its middle, in pixels of the picture."""
    area_px: float
    """In pixels of the picture."""


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


@dataclass(slots=True)
class OneBody:
    """One object's outlines, over its frames; frames are numbered by key, ascending."""

    history: int
    """Frames of which they are kept, for corrections."""
    rules: BodyRules = BodyRules()
    _known: dict[int, KnownBody] = field(default_factory=dict)
    _sizes: dict[int, Size] = field(default_factory=dict)
    """Of the pictures of those frames."""
    _cut: int = -1

    def keep(self, key: int, logits: Logits, view: View, frame_size: Size) -> Logits | None:
        """A frame's mask without other bodies, `frame_size` that of the picture; None: nothing has to go."""
        mask = logits > 0
        before = self._before(key, frame_size)
        if before is None or key - before > self.rules.blind or not mask.any():
            return None
        kept = self._own(outline_of(mask, view), self._known[before], key - before)
        if kept is None or bool((kept == mask).all()):
            return None
        return np.where(kept | ~mask, logits, np.float32(OUTSIDE_LOGIT)).astype(np.float32)

    def note(self, key: int, crop: BoolMask, box: Box, frame_size: Size, *, prompted: bool = False) -> bool:
        """A frame's mask as it is shown, a crop at a box; False where it is rather of more than the object,
        and had better not be remembered. Where it is `prompted` it is the object's whatever it looks like."""
        if not crop.any():
            return True
        now = _outline(crop, box)
        before = self._before(key, frame_size)
        if before is None or prompted or key - before > self.rules.blind:
            self._keep(key, KnownBody(now, now.middle, (0.0, 0.0), now.area_px), frame_size)
            return True
        last, frames = self._known[before], key - before
        rules, usual = self.rules, last.usual_px
        grown = now.area_px > rules.clean * usual
        if grown and last.unclean < rules.patience and not self._has_grown_evenly(now, last):
            unclean = last.unclean + frames
            self._keep(key, replace(last, at=_ahead(last, frames), unclean=unclean), frame_size)
            return False
        if now.area_px < usual:
            usual = max(now.area_px, usual * rules.shrink**frames)
        else:
            usual = now.area_px if grown else usual + rules.rise * (now.area_px - usual)
        moved = ((now.middle[0] - last.at[0]) / frames, (now.middle[1] - last.at[1]) / frames)
        step = (last.step[0] + moved[0]) / 2, (last.step[1] + moved[1]) / 2
        self._keep(key, KnownBody(now, now.middle, step, usual), frame_size)
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

    def restart(self, key: int) -> None:
        """Forget what was seen from a frame on."""
        for index in [index for index in self._known if index >= key]:
            del self._known[index]

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

    def _own(self, now: Outline, last: KnownBody, frames: int) -> BoolMask | None:
        """What of a mask is the object's; None where all may be."""
        rules, mask = self.rules, now.mask
        if now.area_px <= rules.grown * last.usual_px or self._has_grown_evenly(now, last):
            return None
        expected = moved(last.outline, _ahead(last, frames), 1.0, mask.shape, now.view)
        rows, columns = np.flatnonzero(expected.any(1)), np.flatnonzero(expected.any(0))
        if not rows.size:
            return None
        length = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        speed = math.hypot(*last.step) * mask.shape[0] / now.view.height
        reach = max(1, round((rules.reach * length + rules.haste * speed) * frames))
        reach = min(reach, max(mask.shape))
        near = cv2.dilate(expected.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
        kept = _bodies_at(mask, near, rules.share)
        cells = last.usual_px / now.area_px * float(mask.sum())
        if kept.sum() > rules.grown * cells:
            kept = kept & near
        return kept if kept.sum() >= rules.least * cells else None

    def _has_grown_evenly(self, now: Outline, last: KnownBody) -> bool:
        """Whether a mask is the outline that was known, only larger: the object came nearer."""
        scale = math.sqrt(now.area_px / last.outline.area_px)
        expected = moved(last.outline, now.middle, scale, now.mask.shape, now.view)
        both = np.count_nonzero(now.mask & expected)
        return bool(both >= self.rules.alike * np.count_nonzero(now.mask | expected))


def outline_of(mask: BoolMask, view: View) -> Outline:
    """The outline that a view's mask, (h, w) and not empty, shows."""
    rows, columns = np.nonzero(mask)
    across, down = view.width / mask.shape[1], view.height / mask.shape[0]
    middle = view.x0 + (float(columns.mean()) + 0.5) * across, view.y0 + (float(rows.mean()) + 0.5) * down
    return Outline(mask, view, middle, rows.size * across * down)


def moved(
    outline: Outline, there: tuple[float, float], scale: float, shape: tuple[int, ...], view: View
) -> BoolMask:
    """An outline scaled about its middle, which comes to lie `there`, as another view's mask of a shape."""
    height, width = shape
    seen, mask = outline.view, outline.mask
    across, x = _along((seen.x0, seen.width, mask.shape[1]), (view.x0, view.width, width), scale)
    down, y = _along((seen.y0, seen.height, mask.shape[0]), (view.y0, view.height, height), scale)
    x += (there[0] - scale * outline.middle[0]) * width / view.width
    y += (there[1] - scale * outline.middle[1]) * height / view.height
    matrix = np.array([[across, 0, x], [0, down, y]], np.float32)
    warped = cv2.warpAffine(mask.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    expected: BoolMask = warped > 0.5
    return expected


def _along(seen: tuple[int, int, int], shown: tuple[int, int, int], scale: float) -> tuple[float, float]:
    """Factor and offset from cells of one view to those of another along one axis, each given as its start
    and length in pixels and its cells; middles of cells are at whole numbers."""
    start, length, cells = seen
    new_start, new_length, new_cells = shown
    factor = scale * length / cells * new_cells / new_length
    offset = (scale * start - new_start) * new_cells / new_length
    return factor, offset + (factor - 1) / 2


def _outline(crop: BoolMask, box: Box) -> Outline:
    return outline_of(crop, View(box[0], box[1], crop.shape[1], crop.shape[0]))


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
