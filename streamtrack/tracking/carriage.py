"""How long an object's mask has been carried, and how much it needs to be looked at. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from streamtrack.frame import ObjectMask, ObjectState

IN_DOUBT = (ObjectState.UNCERTAIN, ObjectState.OCCLUDED, ObjectState.UNSEEN)
"""States in which the next look may tell more; who is lost waits for the turn that everybody has."""


@dataclass(frozen=True, slots=True)
class Carriage:
    """An object after a frame."""

    frames: int = 0
    """In a row on which its mask was carried; 0: the network looked at it."""
    need: float = 0.0
    """How much it needs to be looked at, beside that: doubt, and how far it has gone, 0 to 1 each."""
    doubt: float = 0.0
    """Where it was looked at last."""
    middle: tuple[float, float] | None = None
    """x, y of its mask there, in pixels."""


def looked_at(mask: ObjectMask, state: ObjectState) -> Carriage:
    """After a frame on which the network looked at it."""
    doubt = 1.0 if state in IN_DOUBT else 0.0
    if state is ObjectState.TRACKING:
        doubt = 1.0 - mask.iou_score
    return Carriage(0, doubt, doubt, mask.centroid)


def carried_on(before: Carriage, mask: ObjectMask, frames: int) -> Carriage:
    """So many frames later, when flow has carried its mask: how far it has gone, in its own lengths."""
    gone = 0.0
    if mask.centroid is not None and before.middle is not None:
        gone = math.dist(mask.centroid, before.middle) / math.sqrt(max(mask.area_px, 1))
    need = before.doubt + min(1.0, gone)
    return Carriage(before.frames + frames, need, before.doubt, before.middle)
