"""Tells a mask that explodes: many times as large, from one frame to the next, as the object ever was lately.

A network that loses an object can take everything that looks like it: the mask runs over the ground or over a
crowd, with good scores. Objects do not grow so fast; such a mask must not be remembered, nor followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import BoolMask

LATELY = 8
"""Frames over which the largest mask says how large the object is: half hidden, it may come back whole."""
PATIENCE = 1.1
"""By how much more a mask may have grown, for every frame since one was believed: what stays large is
believed in the end."""
PATIENCE_FRAMES = 1_000
"""After which any mask is believed; the number would overflow in the end."""
SEVERAL = 0.5
"""Of the growth that one body may show, that several bodies may where there was one."""
BODY = 0.2
"""Share of the largest body from which on another one counts."""
COUNTED_PX = 128
"""Longer side that bodies are counted at, at most: their shares show in a small picture as well."""


@dataclass(slots=True)
class MaskGrowth:
    """The areas of one object's masks, over its frames; frames are numbered by key, ascending."""

    most: float
    """Times the object's area that a mask may have."""
    history: int
    """Frames of which areas are kept, for corrections."""
    _believed: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Area in pixels and number of bodies, by key."""
    _cut: int | None = None

    def explodes(self, key: int, crop: BoolMask, area_px: int) -> bool:
        """Whether a mask on a frame is not to be believed; otherwise it counts from now on."""
        since = self._cut if self._cut is not None and self._cut <= key else None
        lately = [
            (index, kept)
            for index, kept in self._believed.items()
            if index < key and (since is None or index >= since)
        ][-LATELY:]
        if lately and area_px:
            known_px = max(area for _, (area, _) in lately)
            limit = self.most * PATIENCE ** min(key - lately[-1][0] - 1, PATIENCE_FRAMES)
            if area_px > limit * known_px:
                return True
            if area_px > SEVERAL * limit * known_px and count_bodies(crop) > max(n for _, (_, n) in lately):
                return True
        if area_px:
            self.believe(key, crop, area_px)
        return False

    def believe(self, key: int, crop: BoolMask, area_px: int) -> None:
        """Take a mask for right, as one that was prompted is."""
        self._believed[key] = area_px, count_bodies(crop)
        for index in [index for index in self._believed if index <= key - self.history]:
            del self._believed[index]

    def note_cut(self, key: int) -> None:
        """With a frame another scene begins, where things have other sizes."""
        self._cut = key

    def lately(self, key: int) -> tuple[tuple[int, int, int], ...]:
        """Of the newest believed masks up to a frame: how long ago, area in pixels, number of bodies."""
        since = -1 if self._cut is None else self._cut
        believed = self._believed.items()
        lately = [(index, kept) for index, kept in believed if since <= index <= key][-LATELY:]
        return tuple((key + 1 - index, area, bodies) for index, (area, bodies) in lately)

    def resume(self, key: int, lately: Sequence[tuple[int, int, int]]) -> None:
        """Go on behind a frame from what `lately` told of it."""
        self._believed = {key + 1 - ago: (area, bodies) for ago, area, bodies in lately}

    def restart(self, key: int) -> None:
        """Forget what was seen from a frame on."""
        for index in [index for index in self._believed if index >= key]:
            del self._believed[index]


def count_bodies(crop: BoolMask) -> int:
    """Pieces of a mask that count beside its largest, that one included."""
    if not crop.size:
        return 0
    pixels: NDArray[np.uint8] = np.ascontiguousarray(crop).view(np.uint8)
    side = -(-max(crop.shape) // COUNTED_PX)
    if side > 1:
        # One pixel for each square of them, set where any is: what hangs together by a thread still does.
        square = np.ones((side, side), np.uint8)
        pixels = np.ascontiguousarray(cv2.dilate(pixels, square, anchor=(0, 0))[::side, ::side], np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int((areas >= BODY * areas.max(initial=0)).sum())
