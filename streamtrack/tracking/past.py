"""How one object stood after a frame, as far as its memory is choosy. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from streamtrack.model.interface import Size
from streamtrack.tracking.colours import Colours, colours_alike
from streamtrack.tracking.kalman import Box, Motion
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.whereabouts import NOWHERE, Whereabouts

HIDDEN_FRAMES = 3
"""Hidden for so many frames or more, an object that shows again has to be confirmed."""
LONG_HIDDEN = 10
"""Frames after which what shows in place of an object may well be somebody else."""
UNLIKE = 0.25
"""How far below `found_colours` somebody else's are."""
LARGER = 3.0
"""Times the area that it had; somebody else's, or that of several."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """How an object stood after a frame."""

    motion: Motion | None
    stable: int
    frame_size: Size
    areas: tuple[int, ...]
    gallery: tuple[KnownLook, ...]
    gallery_key: int
    anchor_key: int | None
    last_box: Box | None
    hidden: int = 0
    """Frames since it was seen and confirmed; 0: it was on this one."""
    agreeing: int = 0
    """Frames in a row on which what shows again looked like it."""
    unfit: int = 0
    """Frames on which it was seen since one was remembered."""
    partly: int = 0
    """Frames in a row on which a part of it was seen."""
    where: Whereabouts = NOWHERE

    @property
    def wants_confirmation(self) -> bool:
        """Whether it was hidden for so long that what shows next may be another."""
        return self.hidden >= HIDDEN_FRAMES or self.where.away > 0

    @property
    def colours(self) -> tuple[Colours, ...]:
        """Those that are remembered."""
        return tuple(one.colours for one in self.gallery if one.colours is not None)

    def is_unlike(self, colours: Colours, area_px: int, least_alike: float) -> bool:
        """Whether what shows in place of an object that was gone for long is far larger, or has other colours
        than any that are remembered. `least_alike`: those of itself are at least."""
        if self.hidden < LONG_HIDDEN or not self.colours:
            return False
        if self.areas and area_px > LARGER * median(self.areas):
            return True
        return max(colours_alike(one, colours) for one in self.colours) < least_alike - UNLIKE
