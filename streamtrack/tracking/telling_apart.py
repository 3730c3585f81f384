"""Two objects whose masks are one, told apart: each is looked for anew where its motion expects it.

Where look-alikes touch, a network tends to give both of them both. Memory cannot tell them apart, for they
look alike; where each was going can.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamtrack.engine.follower import Follower
from streamtrack.engine.found import Found
from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, BOX_SECOND_CORNER, CheckedPrompt
from streamtrack.frame import ObjectMask
from streamtrack.model.interface import Size
from streamtrack.tracking.kalman import Box, box_iou
from streamtrack.tracking.results import build_object
from streamtrack.tracking.tracked_object import TrackedObject

IN_PLACE = 0.7
"""IoU of a mask's box with the expected one from which on it is where it should be."""
BETTER = 0.1
"""By how much more the box of what is found anew must agree."""
LEAST_SHOWN = 0.3
"""Share of the expected box that must lie in the picture."""


def look_again(follower: Follower, tracked: TrackedObject, mask: ObjectMask, key: int) -> Found | None:
    """Look for an object in the box where it is expected on a key frame, and let what is found there stand in
    for its mask; None, and nothing has changed, where that is no better."""
    place = None if tracked.memory is None else tracked.memory.place(key, mask.frame_size)
    prompt = place_to_look(place, mask.box, mask.frame_size)
    if place is None or prompt is None or tracked.apart_in_vain.rests(key):
        return None
    view = tracked.slot.views.get(key)
    look = follower.look(tracked.slot, key, prompt, corrects=False, view=view, beside=True)
    found = None if look is None else build_object(tracked, look.found, mask.frame_size)
    if look is None or found is None or not agrees_better(place, mask.box, found.box):
        tracked.apart_in_vain.note(key)
        return None
    follower.retake(tracked.slot, look)
    return look.found


def place_to_look(place: Box | None, seen: Sequence[int], frame_size: Size) -> CheckedPrompt | None:
    """The prompt by which to look for an object where it is expected; None where it is there already, or
    nobody knows where that is, or it is not in the picture.

    Args:
        place: the expected box.
        seen: that of its mask.
    """
    if place is None or box_iou(place, to_box(seen)) >= IN_PLACE:
        return None
    shown = _inside(place, frame_size)
    return None if shown is None else box_prompt(shown, frame_size)


def box_prompt(box: Box, frame_size: Size) -> CheckedPrompt:
    """The prompt of a box in a picture."""
    corners = np.array([box[:2], box[2:]], np.float32)
    labels = np.array([BOX_FIRST_CORNER, BOX_SECOND_CORNER], np.int32)
    return CheckedPrompt(corners, labels, None, frame_size)


def agrees_better(place: Box, before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether a mask's box agrees better with the expected one than that before; an empty one never does."""
    return after[2] > after[0] and box_iou(place, to_box(after)) >= box_iou(place, to_box(before)) + BETTER


def to_box(box: Sequence[int]) -> Box:
    """Pixels as the filter counts them."""
    x0, y0, x1, y1 = box
    return float(x0), float(y0), float(x1), float(y1)


def _inside(box: Box, frame_size: Size) -> Box | None:
    """The part of a box that lies in the picture; None where that is too little."""
    height, width = frame_size
    x0, y0 = max(box[0], 0.0), max(box[1], 0.0)
    x1, y1 = min(box[2], float(width)), min(box[3], float(height))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    whole = (box[2] - box[0]) * (box[3] - box[1])
    return (x0, y0, x1, y1) if (x1 - x0) * (y1 - y0) >= LEAST_SHOWN * whole else None
