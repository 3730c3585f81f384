"""From an object's mask to what a controller has to know of it."""

from __future__ import annotations

from streamtrack.frame import ObjectMask
from streamtrack.ptz.controller import Sight


def sight_of(item: ObjectMask, at_ns: int) -> Sight:
    """Where an object with a mask stands on the picture of a time, and how large it is."""
    height, width = item.frame_size
    x0, y0, x1, y1 = item.box
    cut = (x0 == 0 and x1 == width) or (y0 == 0 and y1 == height)
    return Sight(
        at_ns,
        x=(x0 + x1) / width - 1,
        y=1 - (y0 + y1) / height,
        size=max((x1 - x0) / width, (y1 - y0) / height),
        cut=cut,
    )
