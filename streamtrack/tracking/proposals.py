"""Where in a picture an object may be that is known from elsewhere, and how surely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamtrack.engine.follower import Follower, Slot
from streamtrack.engine.found import Look
from streamtrack.engine.view import View
from streamtrack.frame import Image, ObjectMask
from streamtrack.tracking.known_look import KnownLook, look_at
from streamtrack.tracking.search import VISIBLE, worth_of


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What a picture shows that may be an object."""

    frame_idx: int
    score: float
    """0 to 1: how surely it is the object, by its looks and the network's own score."""
    found: ObjectMask | None
    """None: nothing like it."""


@dataclass(frozen=True, slots=True, eq=False)
class BestLook:
    """The look at a picture that shows an object most surely."""

    look: Look | None
    score: float


def best_look(
    follower: Follower,
    slot: Slot,
    key: int,
    image: Image,
    views: Iterable[View | None],
    known: KnownLook | None,
) -> BestLook:
    """Of what a memory finds through each of some windows, what looks most like the object.

    Args:
        known: how it looks; None: nobody can say, and nothing is sure.
    """
    best, rank, score = None, 0.0, 0.0
    size = image.shape[0], image.shape[1]
    for view in views:
        look = follower.glance(slot, key, view)
        if look is None or look.found.object_score <= VISIBLE:
            continue
        shown = look_at(follower, image, key, look.found.low_res_mask_logits, view)
        likeness = 0.0 if known is None or shown is None else max(0.0, known.likeness(shown))
        worth = worth_of(look, size) * (likeness if known is not None else 1.0)
        if worth > rank:
            best, rank, score = look, worth, likeness * look.found.object_score
    return BestLook(best, score)
