"""Who is expected beside an object. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from streamtrack.model.interface import Size
from streamtrack.tracking.one_body import OneBody
from streamtrack.tracking.outline import Placed, length_of

NEAR = 1.5
"""Lengths, the mean of both, within which somebody is beside an object: its mask may reach them."""


def neighbours_of(
    body: OneBody | None, everybody: Iterable[OneBody | None], key: int, frame_size: Size
) -> list[Placed]:
    """Where those are expected on a frame who are expected near an object."""
    own = None if body is None else body.placed(key, frame_size)
    if own is None:
        return []
    others = (one.placed(key, frame_size) for one in everybody if one is not None and one is not body)
    return [one for one in others if one is not None and _is_near(own, one)]


def _is_near(one: Placed, other: Placed) -> bool:
    reach = NEAR * (length_of(one.outline) + length_of(other.outline)) / 2
    return math.dist(one.at, other.at) <= reach
