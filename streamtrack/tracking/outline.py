"""A mask and where it lies: moved, scaled, seen through another window. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from streamtrack.engine.view import View
from streamtrack.frame import BoolMask


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask, and where it lies."""

    mask: BoolMask
    """(h, w), of a view."""
    view: View
    middle: tuple[float, float]
    """x, y of its middle, in pixels of the picture."""
    area_px: float
    """In pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An outline, and where it is expected."""

    outline: Outline
    at: tuple[float, float]
    """x, y of its middle, in pixels of the picture."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in pixels of the picture."""
        x0, y0, x1, y1 = box_of(self.outline)
        across, down = (now - was for now, was in zip(self.at, self.outline.middle, strict=True))
        return x0 + across, y0 + down, x1 + across, y1 + down


def outline_of(mask: BoolMask, view: View) -> Outline:
    """The outline that a view's mask, (h, w) and not empty, shows."""
    rows, columns = np.nonzero(mask)
    across, down = view.width / mask.shape[1], view.height / mask.shape[0]
    middle = view.x0 + (float(columns.mean()) + 0.5) * across, view.y0 + (float(rows.mean()) + 0.5) * down
    return Outline(mask, view, middle, rows.size * across * down)


def moved(
    outline: Outline, there: tuple[float, float], scale: float, shape: tuple[int, ...], view: View
) -> BoolMask:
    """An outline scaled about its middle, which comes to lie `there`, as another view's mask of a shape."""
    height, width = shape
    seen, mask = outline.view, outline.mask
    across, x = _along((seen.x0, seen.width, mask.shape[1]), (view.x0, view.width, width), scale)
    down, y = _along((seen.y0, seen.height, mask.shape[0]), (view.y0, view.height, height), scale)
    x += (there[0] - scale * outline.middle[0]) * width / view.width
    y += (there[1] - scale * outline.middle[1]) * height / view.height
    matrix = np.array([[across, 0, x], [0, down, y]], np.float32)
    warped = cv2.warpAffine(mask.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    expected: BoolMask = warped > 0.5
    return expected


def _along(seen: tuple[int, int, int], shown: tuple[int, int, int], scale: float) -> tuple[float, float]:
    """Factor and offset from cells of one view to those of another along one axis, each given as its start
    and length in pixels and its cells; middles of cells are at whole numbers."""
    start, length, cells = seen
    new_start, new_length, new_cells = shown
    factor = scale * length / cells * new_cells / new_length
    offset = (scale * start - new_start) * new_cells / new_length
    return factor, offset + (factor - 1) / 2


def outline_at(crop: BoolMask, box: tuple[int, int, int, int]) -> Outline:
    """The outline of a mask's crop, not empty, at a box in pixels of the picture."""
    return outline_of(crop, View(box[0], box[1], crop.shape[1], crop.shape[0]))


def box_of(outline: Outline) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 in pixels of the picture."""
    rows, columns = np.flatnonzero(outline.mask.any(1)), np.flatnonzero(outline.mask.any(0))
    view, (height, width) = outline.view, outline.mask.shape
    across, down = view.width / width, view.height / height
    x0, x1 = view.x0 + columns[0] * across, view.x0 + (columns[-1] + 1) * across
    y0, y1 = view.y0 + rows[0] * down, view.y0 + (rows[-1] + 1) * down
    return float(x0), float(y0), float(x1), float(y1)


def length_of(outline: Outline) -> float:
    """The longer side of a mask, in pixels of the picture."""
    x0, y0, x1, y1 = box_of(outline)
    return max(x1 - x0, y1 - y0)
