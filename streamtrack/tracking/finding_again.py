"""What hides is looked for where it must be, and what cannot be it is not taken for it.

A network that has lost an object takes whoever looks like it, and knows the object late where it comes out
from behind something. Where it can be by its motion tells more than its looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.follower import Follower
from streamtrack.engine.found import Found
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.engine.view import OUTSIDE_LOGIT, View
from streamtrack.frame import BoolMask, Image, ObjectMask
from streamtrack.model.interface import Size
from streamtrack.tracking.colours import Shown, colours_of, where_it_shows
from streamtrack.tracking.kalman import Box, box_iou
from streamtrack.tracking.memory_watch import MemoryWatch
from streamtrack.tracking.results import build_object
from streamtrack.tracking.telling_apart import IN_PLACE, box_prompt, to_box
from streamtrack.tracking.tracked_object import TrackedObject, is_visible

LEAST_IOU = 0.5
"""Estimate of its mask's IoU from which on what is found where an object is expected may be it."""
LEAST_INSIDE = 0.8
"""Share of its mask's box that must lie in the expected one."""
LEAST_OWN = 0.5
"""Share of its mask that has the object's colours."""
LEAST_COVERED = 0.1
"""Share of the expected box that a mask covers that shows the object there."""
LEAST_BODY = 0.1
"""Of the largest piece of a mask that another one must have to count."""
BESIDE = 0.15
"""Lengths by which the expected box is taken larger."""


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """What was taken out of an object's mask."""

    logits: NDArray[np.float32]
    """(h, w): what is left of it."""
    left: bool
    """Something is, that may be the object."""
    stranger: Box | None
    """Whom it showed that cannot be it."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Where an object that is hidden, or was, seems to show."""

    prompt: CheckedPrompt
    """By which to look for it."""
    place: Box
    """In which it has to be."""
    shown: Shown

    def is_it(self, crop: BoolMask, box: tuple[int, int, int, int], iou_score: float) -> bool:
        """Whether what was found, a mask's crop at a box, is the object or a part of it."""
        return (
            iou_score >= LEAST_IOU
            and _share_inside(to_box(box), self.place) >= LEAST_INSIDE
            and self.shown.share(crop, box) >= LEAST_OWN
        )


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A piece of a mask."""

    cells: BoolMask
    """(h, w) of the view that it was found in."""
    box: Box
    """In pixels of the picture."""


def refuse(
    memory: MemoryWatch, key: int, logits: NDArray[np.float32], view: View | None, frame_size: Size
) -> Refused | None:
    """What is left of an object's mask on a frame without what cannot be it; None where all of it may be.

    Args:
        logits: (h, w), above 0 on it.
        frame_size: of the picture, H, W in pixels.
    """
    if not memory.in_doubt(key):
        return None
    view, mask = view or View.whole(frame_size), logits > 0
    place = memory.hiding_place(key, frame_size) if memory.waits(key) else None
    kept = mask if place is None else _at(mask, view, place)
    bodies = bodies_of(mask, view)
    strangers = [body for body in bodies if memory.refuses(key, body.box, frame_size)]
    if strangers:
        others = [body.cells for body in bodies if body not in strangers]
        kept = kept & (np.any(others, axis=0) if others else np.zeros_like(mask))
    if (kept == mask).all():
        return None
    largest = max(strangers, key=lambda one: np.count_nonzero(one.cells), default=None)
    left = np.where(kept | ~mask, logits, np.float32(OUTSIDE_LOGIT))
    return Refused(left, bool(kept.any()), None if largest is None else largest.box)


def expect(memory: MemoryWatch, key: int, image: Image, seen: Box, frame_size: Size) -> Expected | None:
    """Where an object seems to show on a frame; None where it is not looked for, or does not.

    Args:
        image: (H, W, 3) RGB.
        seen: the box of its mask; zeros where it is hidden.
    """
    place = memory.hiding_place(key, frame_size) or memory.door(key, frame_size)
    known = memory.colours(key)
    if place is None or not known or box_iou(place, seen) >= IN_PLACE:
        return None
    # Of the box where it is expected most may show what hides it.
    shown = where_it_shows(image, place, known)
    return None if shown is None else Expected(box_prompt(to_box(shown.box), frame_size), place, shown)


def refuse_found(follower: Follower, tracked: TrackedObject, mask: ObjectMask, key: int) -> Refused | None:
    """Take out of what was found of an object on a key frame what cannot be it; None, and nothing has
    changed, where all of it may be."""
    if tracked.memory is None or not is_visible(mask) or not tracked.memory.in_doubt(key):
        return None
    [found] = follower.found((tracked.slot,), key)
    refused = refuse(tracked.memory, key, found.low_res_mask_logits.copy(), found.view, mask.frame_size)
    if refused is None:
        return None
    if not refused.left:
        follower.forget(tracked.slot, key)
    follower.amend(tracked.slot, key, refused.logits)
    return refused


def is_somebody_else(tracked: TrackedObject, mask: ObjectMask, key: int, image: Image) -> bool:
    """Whether the mask of an object that is long gone shows somebody else on a key frame."""
    if tracked.memory is None or not is_visible(mask) or not tracked.memory.waits(key):
        return False
    return tracked.memory.is_unlike(key, colours_of(image, mask.crop, mask.box), mask.area_px)


def show_nothing(follower: Follower, tracked: TrackedObject, key: int) -> None:
    """Take an object's mask on a key frame away."""
    [found] = follower.found((tracked.slot,), key)
    follower.forget(tracked.slot, key)
    follower.amend(tracked.slot, key, np.full_like(found.low_res_mask_logits, OUTSIDE_LOGIT))


def look_where_expected(
    follower: Follower, tracked: TrackedObject, mask: ObjectMask, key: int, image: Image
) -> Found | None:
    """Look for an object that is hidden, or was, where it has to show on a key frame, and let what is found
    there stand in for its mask; None, and nothing has changed, where that is not it."""
    memory = tracked.memory
    if memory is None or not (memory.waits(key) or not is_visible(mask)):
        return None
    expected = expect(memory, key, image, to_box(mask.box), mask.frame_size)
    if expected is None or tracked.in_vain.rests(key, expected.shown.area_px):
        return None
    view = tracked.slot.views.get(key)
    look = follower.look(tracked.slot, key, expected.prompt, corrects=False, view=view, beside=True)
    found = None if look is None else build_object(tracked, look.found, mask.frame_size)
    if look is None or found is None or not _is_it(found, expected):
        tracked.in_vain.note(key, expected.shown.area_px)
        return None
    follower.retake(tracked.slot, look)
    return look.found


def _is_it(found: ObjectMask, expected: Expected) -> bool:
    return is_visible(found) and expected.is_it(found.crop, found.box, found.iou_score)


def bodies_of(mask: BoolMask, view: View) -> list[Body]:
    """The pieces of a view's mask, (h, w), that count beside its largest; none of an empty one."""
    number, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    across, down = view.width / mask.shape[1], view.height / mask.shape[0]
    found = []
    for label in range(1, number):
        x, y, width, height, area = (int(value) for value in stats[label])
        if area >= LEAST_BODY * areas.max():
            x0, y0 = view.x0 + x * across, view.y0 + y * down
            found.append(Body(labels == label, (x0, y0, x0 + width * across, y0 + height * down)))
    return found


def _at(mask: BoolMask, view: View, place: Box) -> BoolMask:
    """What of a view's mask, (h, w), lies in the box where an object is expected; all of it, where that
    covers little of the box."""
    rows, columns = mask.shape
    x0, y0, x1, y1 = _larger(place)
    x = view.x0 + (np.arange(columns) + 0.5) * view.width / columns
    y = view.y0 + (np.arange(rows) + 0.5) * view.height / rows
    inside = ((y >= y0) & (y <= y1))[:, None] & ((x >= x0) & (x <= x1))
    kept: BoolMask = mask & inside
    return kept if kept.sum() >= LEAST_COVERED * max(1, int(inside.sum())) else mask


def _share_inside(inner: Box, place: Box) -> float:
    """Share of a box that lies in an expected one."""
    x0, y0, x1, y1 = _larger(place)
    width, height = min(inner[2], x1) - max(inner[0], x0), min(inner[3], y1) - max(inner[1], y0)
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(0.0, width) * max(0.0, height) / max(area, 1e-6)


def _larger(place: Box) -> Box:
    beside = BESIDE * max(place[2] - place[0], place[3] - place[1])
    return place[0] - beside, place[1] - beside, place[2] + beside, place[3] + beside
