"""A box whose first mask is the ground behind the object: told by its border, and mended by a second look.

A box is drawn tight, so its object touches it in a few places. A mask that covers much of the border
is what lies behind: the sea, not the kite surfer, whose lines stretch his box over it. What is left of the
box is then the object, rather; it is clicked on, the ground is clicked off, and the box is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np

from streamtrack.engine.found import Look
from streamtrack.engine.prompt_input import CheckedPrompt
from streamtrack.frame import BoolMask
from streamtrack.scenes.scene import innermost_point
from streamtrack.tracking.looker import Looker, Viewed
from streamtrack.tracking.postprocess import picture_mask

GROUND_SHARE = 0.4
"""Share of the box's border that a mask must cover to be the ground, rather. Of 37 sequences' first masks one
covers as much, and it is the sea (0.44); the others cover 0.3 at most."""
THING_SHARE = 0.2
"""So much of it at most may be covered by what is taken instead."""
TRUST = 0.8
"""Of the estimated IoU of the ground, that of what is taken instead must be: it may be sure of either."""
LEFT_SHARE = 0.05
"""Of the box, that the mask must have left for something to be there."""
BORDER_SHARE = 0.02
"""Width of the box's border, of its longer side."""
PLACES = 4
"""In it that are clicked on, one at a time."""
APART_SHARE = 0.15
"""Of the box's longer side, that they are apart at least."""
SPECKS_PX = 5
"""What is narrower than that in what the mask left is no object."""

Slot = TypeVar("Slot", bound=Viewed)


def look_before_the_ground(
    follower: Looker[Slot], slot: Slot, key: int, prompt: CheckedPrompt, look: Look
) -> tuple[Look, CheckedPrompt]:
    """The look at what stands before the ground, and the prompt that found it; the given ones where the look
    shows no ground, or nothing better is there.

    Args:
        prompt: a box, and nothing else.
        look: what it found.
    """
    size = prompt.frame_size
    mask = picture_mask(look.found.low_res_mask_logits, size, look.view)
    inside = _inside(prompt)
    border = inside & ~_inside(prompt, BORDER_SHARE)
    if _share_of(mask, border) < GROUND_SHARE:
        return look, prompt
    specks = np.ones((SPECKS_PX, SPECKS_PX))
    left = cv2.morphologyEx((inside & ~mask).view(np.uint8), cv2.MORPH_OPEN, specks) > 0
    if np.count_nonzero(left) < LEFT_SHARE * np.count_nonzero(inside):
        return look, prompt
    off = innermost_point(inside & mask)
    best, told = look, prompt
    for on in _places(left, _length(prompt) * APART_SHARE):
        tried = replace(
            prompt,
            coords=np.concatenate((prompt.coords, np.array([on, off], np.float32))),
            labels=np.concatenate((prompt.labels, np.array([1, 0], np.int32))),
        )
        found = follower.look(slot, key, tried, corrects=False, view=look.view)
        if found is None:
            continue
        thing = picture_mask(found.found.low_res_mask_logits, size, found.view)
        least = TRUST * look.found.iou_score if best is look else best.found.iou_score
        if _share_of(thing, border) <= THING_SHARE and found.found.iou_score > least:
            best, told = found, tried
    return best, told


def _places(mask: BoolMask, apart_px: float) -> Iterator[tuple[float, float]]:
    """x, y of the points deepest inside a mask, the deepest first, each so far from the ones before."""
    rest = mask.astype(np.uint8)
    for _ in range(PLACES):
        if not rest.any():
            return
        place = innermost_point(rest > 0)
        yield place
        cv2.circle(rest, (round(place[0]), round(place[1])), max(1, round(apart_px)), 0, thickness=-1)


def _inside(prompt: CheckedPrompt, margin: float = 0.0) -> BoolMask:
    """(H, W), True inside a prompt's box, less a share of its longer side on every side. Nothing is taken off
    where the picture ends: what is seen there of an object goes on unseen, and the box has no border."""
    height, width = prompt.frame_size
    x0, y0, x1, y1 = prompt.coords[:2].flatten().tolist()
    less = margin * _length(prompt)
    first = [round(at + less) if at > 1 else 0 for at in (x0, y0)]
    last = [round(at - less) if at < end - 1 else end for at, end in ((x1, width), (y1, height))]
    inside: BoolMask = np.zeros((height, width), np.bool_)
    inside[first[1] : max(first[1], last[1]), first[0] : max(first[0], last[0])] = True
    return inside


def _length(prompt: CheckedPrompt) -> float:
    """The longer side of a prompt's box, in pixels."""
    x0, y0, x1, y1 = prompt.coords[:2].flatten().tolist()
    return float(max(x1 - x0, y1 - y0))


def _share_of(mask: BoolMask, part: BoolMask) -> float:
    return float(np.count_nonzero(mask & part)) / max(1, int(np.count_nonzero(part)))
