"""An object that is remembered and may be anywhere: the picture as a whole, and window after window of it.

What is remembered through a window is known again at that scale, and hardly in a picture that shows it at a
fraction of it. So the search goes over the picture in overlapping windows of a few sizes, and looks once more
through the window that fits what it found.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from streamtrack.engine.follower import Follower, Slot
from streamtrack.engine.found import Look
from streamtrack.engine.view import View
from streamtrack.model.interface import Size
from streamtrack.tracking.postprocess import crop_mask
from streamtrack.tracking.window_policy import Extent, WindowRules, extent_of

FILLS = (0.02, 0.6)
"""Share of a window that an object found in it should have: smaller ones are seen better in a smaller window,
larger ones are rather the ground."""
ZOOMS = (0.5, 0.25)
"""Heights of the windows, of that which holds the picture."""
OVERLAP = 0.5
"""Share of a window by which the next one overlaps it, across and down."""
MAX_WINDOWS = 64
"""However long a picture is."""
SURE = 0.5
"""Estimate of its mask's IoU from which on what the whole picture shows is taken."""
VISIBLE = 0.5
"""Object score above which something was found."""


def search_picture(
    follower: Follower, slot: Slot, key: int, frame_size: Size, rules: WindowRules
) -> Look | None:
    """The look at a kept frame that shows an object best; None where none shows it. Nothing is remembered."""
    best, worth = None, 0.0
    for view in (None, *windows_over(frame_size, rules)):
        look = follower.glance(slot, key, view)
        if look is not None and look.found.object_score > VISIBLE and worth_of(look, frame_size) > worth:
            best, worth = look, worth_of(look, frame_size)
        if view is None and worth > 0 and best is not None and best.found.iou_score >= SURE:
            break  # beside everything else that is there; a window that lacks the object shows another one
    extent = None if best is None else found_extent(best, frame_size)
    if best is None or extent is None:
        return None
    closer = follower.glance(slot, key, rules.around(extent, frame_size))
    return closer if closer is not None and worth_of(closer, frame_size) >= worth else best


def windows_over(frame_size: Size, rules: WindowRules) -> list[View]:
    """Windows that cover a picture of H x W pixels, the largest first."""
    height, width = frame_size
    views: list[View] = []
    for zoom in ZOOMS:
        tall = zoom * rules.most(frame_size)
        if tall < rules.least_px:
            break
        wide = tall * rules.aspect
        views += [
            View.round((x, y), wide, tall) for y in _centres(height, tall) for x in _centres(width, wide)
        ]
    return views[:MAX_WINDOWS]


def worth_of(look: Look, frame_size: Size) -> float:
    """How good what was found looks: the network's own estimate, less where it does not fit its window."""
    extent = found_extent(look, frame_size)
    if extent is None:
        return 0.0
    view = look.view or View.whole(frame_size)
    share = float(np.count_nonzero(look.found.low_res_mask_logits > 0)) / look.found.low_res_mask_logits.size
    fits = min(1.0, share / FILLS[0], FILLS[1] / share)
    border = not view.holds(extent, margin_px=0.02 * view.height) and look.view is not None
    return look.found.iou_score * look.found.object_score * fits * (0.5 if border else 1.0)


def found_extent(look: Look, frame_size: Size) -> Extent | None:
    """Where the found object is, in pixels of the picture; None where the mask is empty."""
    return extent_of(*crop_mask(look.found.low_res_mask_logits, frame_size, look.view))


def _centres(length: int, window: float) -> Iterator[float]:
    """Middles of windows over a length, evenly, the first and the last at its ends."""
    room = length - window
    if room <= 0:
        yield length / 2
        return
    steps = max(1, round(room / (OVERLAP * window)))
    for index in range(steps + 1):
        yield window / 2 + room * index / steps
