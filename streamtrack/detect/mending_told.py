"""What the event of a mending tells."""

from __future__ import annotations

from streamtrack.detect.mend_policy import Mending


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
