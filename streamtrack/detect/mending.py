"""What one detection mends, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from streamtrack.detect.boxes import Box
from streamtrack.detect.cut_policy import Cut
from streamtrack.detect.detector import Detection

Reason = Literal["uncertain", "too_large", "too_small", "several", "shared", "swapped", "adrift", "lost"]
Likeness = Callable[[int, Sequence[Box]], Sequence[float | None]]
"""How much what boxes show looks like what is remembered of an object, -1 to 1; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Mending:
    """A find that an object is to be followed by from now on."""

    object_id: int
    find: Detection
    reason: Reason
    """What it disagrees with: a mask that is `uncertain`; one that is too large or too small for the find,
    covers several, lies on what another object is on (shared), is on whom it met and looks less like than
    like another find (swapped), or was met by no find for long (adrift); or nothing, as the object is gone
    (lost)."""
    overlap: float
    """IoU of the mask's box with the find's, 0 to 1."""
    likeness: float | None
    """As of `Likeness`."""
    well_at: int
    """The newest frame on which a find agreed with the object; what was remembered since is in doubt."""
    grows: bool = False
    """The object is where it should be, and more of it has come in."""


@dataclass(frozen=True, slots=True)
class MendPlan:
    """What one detection mends."""

    mendings: tuple[Mending, ...] = ()
    pending: frozenset[int] = frozenset()
    """Objects that a find may mend at the next look."""
    claimed: frozenset[int] = frozenset()
    """Places, among the finds, of those that an object may still turn out to be: they start nothing yet."""
    others: frozenset[int] = frozenset()
    """Objects that were lost and are somebody else now: a find agrees with the mask, and looks otherwise."""
    to_keep: tuple[int, ...] = ()
    """Objects whose looks are kept now: a find agrees with them, and the last kept look is old."""
    cuts: tuple[Cut, ...] = ()
    """Masks that take in what other finds show; their objects are healthy without it."""


def told_of(mending: Mending, by: str) -> dict[str, str | float | tuple[float, ...]]:
    """What was found, and what it disagreed with; plain values."""
    told: dict[str, str | float | tuple[float, ...]] = {
        "by": by,
        "class": mending.find.class_name,
        "score": round(mending.find.score, 3),
        "box": tuple(round(value, 1) for value in mending.find.box),
        "disagrees": mending.reason,
        "iou": round(mending.overlap, 3),
    }
    if mending.likeness is not None:
        told["likeness"] = round(mending.likeness, 3)
    return told
