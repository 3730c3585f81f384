"""Where a mask that is carried from frame to frame has gone since it was last looked at. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Of a region of a frame: how far from where its pixels lay on an earlier frame."""

    x0: int
    y0: int
    """The region's corner, in pixels of the small picture that motion is found on."""
    to_earlier: Field
    """(h, w, 2) x, y: what has to be added to a pixel's place to have it on the earlier frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """How a slot came by its mask on a frame that the network did not look at."""

    looked_at: int
    """The frame before it that the network looked at last."""
    source: int
    """The frame whose mask is carried: that one, or where its mask is not kept, a later carried one."""
    drift: Drift | None
    """From this frame to the source; None of all frames but the newest, for which it is found again where it
    is needed."""
