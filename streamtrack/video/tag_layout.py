"""Where the tags of a picture stand: beside their objects, off each other, and where they stood before.

Greedy, in the order of the objects: each tag takes the cheapest of some thirty places around its object, and
where all of those are taken the cheapest of a coarse grid. The time it takes grows with the square of the
tags, and not with the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, x1 and y1 exclusive."""

GAP_PX = 5
RINGS = 3
"""Rows above and below, and columns beside an object, that a tag is tried on."""
HIDES_TAG, HIDES_OBJECT, HIDES_OWN = 1000.0, 4.0, 6.0
"""What a tag costs that lies wholly on another tag, on another object's box, on its own."""
FARTHER = 0.02
"""Cost of each pixel between a tag and its object."""
SIDEWAYS, BESIDE, BELOW, INSIDE, ELSEWHERE = 0.15, 0.8, 1.0, 1.3, 1.5
"""What it costs not to stand right above the object, where one looks first."""
STAYS = 0.8
"""What it is worth to stand where it stood: a tag moves where that gains more."""
FORGET_OVER = 256
"""Objects whose place is remembered."""


class TagOf(NamedTuple):
    """A tag to place."""

    object_id: int
    width: int
    height: int
    box: Box
    """Of its object."""


class TagLayout:
    """Places the tags of one stream's pictures."""

    def __init__(self) -> None:
        self._offsets: dict[int, tuple[int, int]] = {}
        """By object, x and y of its tag from the top middle of its box, on the picture before."""

    def place(
        self, tags: Sequence[TagOf], taken: Sequence[Box], width: int, height: int
    ) -> list[tuple[int, int]]:
        """Top left corners of the tags, in pixels of a picture of width x height.

        Args:
            taken: boxes that hold other text.
        """
        fixed = np.array(taken, np.int64).reshape(-1, 4)
        objects = np.array([tag.box for tag in tags], np.int64).reshape(-1, 4)
        placed: list[tuple[int, int]] = []
        for index, tag in enumerate(tags):
            others = np.delete(objects, index, axis=0)
            x, y = self._place_one(tag, fixed, others, width, height)
            placed.append((x, y))
            fixed = np.vstack([fixed, (x, y, x + tag.width, y + tag.height)])
        if len(self._offsets) > FORGET_OVER:
            self._offsets.clear()
        self._offsets.update(
            {tag.object_id: _offset(tag, place) for tag, place in zip(tags, placed, strict=True)}
        )
        return placed

    def _place_one(
        self,
        tag: TagOf,
        fixed: NDArray[np.int64],
        others: NDArray[np.int64],
        width: int,
        height: int,
    ) -> tuple[int, int]:
        corners, dislikes = _places_around(tag)
        before = self._offsets.get(tag.object_id)
        if before is not None:
            x0, y0, x1, _ = tag.box
            stood = ((x0 + x1) // 2 + before[0], y0 + before[1])
            nearest = int(np.argmin(np.abs(corners - stood).sum(axis=1)))
            corners = np.vstack([stood, corners])
            dislikes = np.concatenate([dislikes[nearest : nearest + 1] - STAYS, dislikes])
        corners = _inside(corners, tag, width, height)
        costs = _costs(corners, tag, fixed, others) + dislikes
        best = int(np.argmin(costs))
        if _overlap_shares(corners[best : best + 1], tag, fixed).any():
            grid = _inside(_grid(tag, width, height), tag, width, height)
            grid_costs = _costs(grid, tag, fixed, others) + ELSEWHERE
            if grid_costs.min() < costs[best]:
                return _corner(grid[int(np.argmin(grid_costs))])
        return _corner(corners[best])


def _places_around(tag: TagOf) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n, 2) corners of the places near an object, and (n,) how much each is disliked."""
    x0, y0, x1, y1 = tag.box
    middle, centre = (x0 + x1 - tag.width) // 2, (y0 + y1 - tag.height) // 2
    above, below = y0 - tag.height - GAP_PX, y1 + GAP_PX
    left, right = x0 - tag.width - GAP_PX, x1 + GAP_PX
    places = [
        *((middle, above, 0.0), (x0, above, SIDEWAYS), (x1 - tag.width, above, SIDEWAYS)),
        *((right, centre, BESIDE), (left, centre, BESIDE), (right, y0, BESIDE), (left, y0, BESIDE)),
        *((middle, below, BELOW), (x0, below, BELOW + SIDEWAYS), (x1 - tag.width, below, BELOW + SIDEWAYS)),
        (middle, y0 + GAP_PX, INSIDE),
    ]
    for ring in range(1, RINGS + 1):
        away = ring * (tag.height + GAP_PX)
        places += [(x, above - away, ELSEWHERE) for x in (middle, right, left)]
        places += [(x, below + away, ELSEWHERE) for x in (middle, right, left)]
        places += [(x, centre + step, ELSEWHERE) for x in (right, left) for step in (-away, away)]
    table = np.array(places, np.float64)
    return table[:, :2].astype(np.int64), table[:, 2]


def _grid(tag: TagOf, width: int, height: int) -> NDArray[np.int64]:
    """(n, 2) corners all over the picture."""
    columns = np.arange(0, max(1, width - tag.width), max(8, tag.width // 2))
    rows = np.arange(0, max(1, height - tag.height), tag.height + 2)
    return np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).astype(np.int64)


def _inside(corners: NDArray[np.int64], tag: TagOf, width: int, height: int) -> NDArray[np.int64]:
    """The corners, moved so that the tag lies in the picture."""
    return np.clip(corners, 0, (max(0, width - tag.width), max(0, height - tag.height)))


def _costs(
    corners: NDArray[np.int64], tag: TagOf, fixed: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) what each place costs beside being disliked."""
    own = np.array([tag.box], np.int64)
    middles = corners + np.array((tag.width, tag.height)) / 2
    x0, y0, x1, y1 = tag.box
    outside_x = np.maximum(np.maximum(x0 - middles[:, 0], middles[:, 0] - x1), 0)
    outside_y = np.maximum(np.maximum(y0 - middles[:, 1], middles[:, 1] - y1), 0)
    return np.asarray(
        HIDES_TAG * _overlap_shares(corners, tag, fixed)
        + HIDES_OBJECT * _overlap_shares(corners, tag, others)
        + HIDES_OWN * _overlap_shares(corners, tag, own)
        + FARTHER * (outside_x + outside_y),
        np.float64,
    )


def _overlap_shares(corners: NDArray[np.int64], tag: TagOf, boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) the share of the tag that lies on boxes, summed over them."""
    x0, y0 = corners[:, :1], corners[:, 1:]
    across = np.minimum(x0 + tag.width, boxes[:, 2]) - np.maximum(x0, boxes[:, 0])
    down = np.minimum(y0 + tag.height, boxes[:, 3]) - np.maximum(y0, boxes[:, 1])
    areas = np.maximum(across, 0) * np.maximum(down, 0)
    return np.asarray(areas.sum(axis=1) / (tag.width * tag.height), np.float64)


def _offset(tag: TagOf, place: tuple[int, int]) -> tuple[int, int]:
    x0, y0, x1, _ = tag.box
    return place[0] - (x0 + x1) // 2, place[1] - y0


def _corner(corner: NDArray[np.int64]) -> tuple[int, int]:
    return int(corner[0]), int(corner[1])
