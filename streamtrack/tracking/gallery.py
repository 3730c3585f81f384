"""Looks of an object that are remembered, and whether something looks like it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from streamtrack.engine.appearance import alike
from streamtrack.tracking.colours import colours_alike
from streamtrack.tracking.known_look import KnownLook
from streamtrack.tracking.memory_rules import MemoryRules

GALLERY = 8
"""Looks that are remembered: that of the last prompt, and the newest of frames that were remembered."""


def is_known(gallery: Sequence[KnownLook], look: KnownLook | None, rules: MemoryRules) -> bool:
    """Whether a look may be the object's. Where colours are known they say so: the features of what turned
    are others."""
    if look is None or not gallery:
        return True
    similarity = max(alike(one.features, look.features) for one in gallery)
    colours = [
        colours_alike(one.colours, look.colours)
        for one in gallery
        if one.colours is not None and look.colours is not None
    ]
    if colours:
        return similarity >= rules.found_similarity and max(colours) >= rules.found_colours
    return similarity >= least_alike(gallery, rules)


def least_alike(gallery: Sequence[KnownLook], rules: MemoryRules) -> float:
    """How alike features must be to be the object's where no colours are known: nearly as much as its own are
    among themselves."""
    if len(gallery) < 2:
        return rules.found_similarity
    nearest = [
        max(alike(one.features, other.features) for j, other in enumerate(gallery) if i != j)
        for i, one in enumerate(gallery)
    ]
    return max(rules.found_similarity, median(nearest) - rules.found_margin)


def with_look(
    gallery: Sequence[KnownLook], look: KnownLook | None, *, prompted: bool
) -> tuple[KnownLook, ...]:
    """A gallery that has one more look, of a prompt or not: that of the last prompt comes first and stays,
    then come the newest others."""
    if look is None or not look.features.any():
        return tuple(gallery)
    if prompted:
        return (look, *gallery[1 - GALLERY :])
    return (*gallery[:1], *(*gallery[1:], look)[1 - GALLERY :])
