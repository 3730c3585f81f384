"""Where the masks of two objects meet: which of them is worse, which pixel is whose, and who is one and the
same. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import BoolMask, ObjectMask, masks_iou, measure_crop

CLAIMED = 0.5
"""Share of the smaller of two masks that lies in the other, from which on they claim one place."""

Box = tuple[int, int, int, int]


def contested(masks: Mapping[int, ObjectMask]) -> set[int]:
    """The objects of a frame whose place another one claims with a better mask."""
    worse = set()
    for first, second in _meeting(masks):
        shared = np.count_nonzero(_both(first, second))
        if shared >= CLAIMED * min(first.area_px, second.area_px):
            # Between equals the one that came first stays.
            worse.add((second if _quality(first) >= _quality(second) else first).object_id)
    return worse


def in_one_place(masks: Mapping[int, ObjectMask]) -> set[int]:
    """The objects of a frame whose place another one claims as well."""
    return {
        one.object_id
        for first, second in _meeting(masks)
        if np.count_nonzero(_both(first, second)) >= CLAIMED * min(first.area_px, second.area_px)
        for one in (first, second)
    }


LogitsIn = Callable[[int, Box], NDArray[np.float32]]
"""By object id and a box of the frame: the mask logits of each pixel of the box, (height, width)."""


def share_out(masks: Mapping[int, ObjectMask], logits_in: LogitsIn) -> dict[int, ObjectMask]:
    """Masks of which no two have a pixel: each is that object's whose logit is the greatest there, and
    between equals that one's which came first."""
    taken: dict[int, BoolMask] = {}
    for first, second in _meeting(masks):
        box = _common_box(first, second)
        both = _both(first, second)
        if not both.any():
            continue
        wins = logits_in(first.object_id, box) >= logits_in(second.object_id, box)
        for loser, lost in ((second, both & wins), (first, both & ~wins)):
            crop = taken.setdefault(loser.object_id, loser.crop.copy())
            rows, columns = _inside(loser, box)
            crop[rows, columns] &= ~lost
    return {key: _cropped(mask, taken[key]) if key in taken else mask for key, mask in masks.items()}


@dataclass(frozen=True, slots=True)
class Clash:
    """Two objects that are one, by their masks."""

    object_id: int
    """The one that came first."""
    other_id: int
    iou: float
    frames: int
    """In a row."""

    def as_detail(self) -> dict[str, float | int]:
        """Of the event."""
        return {"other_id": self.other_id, "iou": round(self.iou, 3), "frames": self.frames}


@dataclass(slots=True)
class ClashWatch:
    """Counts for how long the masks of two objects have been one.

    Each clash is told once; after the two were apart for as long it can come again.
    """

    iou: float
    """From which on two masks are one."""
    frames: int
    """In a row, for a clash; 0: none is told."""
    _runs: dict[tuple[int, int], int] = field(default_factory=dict)
    """By pair: frames together where positive; once told, frames that are left apart where negative."""

    def see(self, masks: Mapping[int, ObjectMask]) -> list[Clash]:
        """The clashes that a frame makes certain."""
        if not self.frames:
            return []
        together = {(a.object_id, b.object_id): masks_iou(a, b) for a, b in _meeting(masks)}
        clashes = []
        for pair, iou in together.items():
            if iou < self.iou:
                continue
            run = self._runs.get(pair, 0)
            self._runs[pair] = -self.frames if run < 0 else run + 1
            if run + 1 == self.frames:
                clashes.append(Clash(*pair, iou, self.frames))
                self._runs[pair] = -self.frames
        for pair, run in list(self._runs.items()):
            if together.get(pair, 0.0) < self.iou:
                if run >= -1:
                    del self._runs[pair]
                else:
                    self._runs[pair] = run + 1
        return clashes


def _meeting(masks: Mapping[int, ObjectMask]) -> Iterator[tuple[ObjectMask, ObjectMask]]:
    """Pairs whose boxes meet, in the order in which they came."""
    seen: Sequence[ObjectMask] = [mask for mask in masks.values() if mask.area_px]
    for first, second in combinations(seen, 2):
        x0, y0, x1, y1 = _common_box(first, second)
        if x0 < x1 and y0 < y1:
            yield first, second


def _common_box(first: ObjectMask, second: ObjectMask) -> Box:
    a, b = first.box, second.box
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _inside(mask: ObjectMask, box: Box) -> tuple[slice, slice]:
    x0, y0 = mask.box[0], mask.box[1]
    return slice(box[1] - y0, box[3] - y0), slice(box[0] - x0, box[2] - x0)


def _both(first: ObjectMask, second: ObjectMask) -> BoolMask:
    """Of their common box, what both masks have."""
    box = _common_box(first, second)
    parts = [mask.crop[_inside(mask, box)] for mask in (first, second)]
    return np.asarray(parts[0] & parts[1], np.bool_)


def _quality(mask: ObjectMask) -> float:
    return mask.object_score * mask.iou_score


def _cropped(mask: ObjectMask, crop: BoolMask) -> ObjectMask:
    """A mask of which only this is left."""
    rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
    if not rows.size:
        return replace(mask, box=(0, 0, 0, 0), crop=np.zeros((0, 0), np.bool_), area_px=0, centroid=None)
    top, left = int(rows[0]), int(columns[0])
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    x0, y0 = mask.box[0], mask.box[1]
    box = x0 + left, y0 + top, x0 + right, y0 + bottom
    tight = np.ascontiguousarray(crop[top:bottom, left:right])
    area_px, centroid = measure_crop(tight, box)
    return replace(mask, box=box, crop=tight, area_px=area_px, centroid=centroid)
