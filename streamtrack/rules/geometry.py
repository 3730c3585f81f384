"""A zone and a line on pictures of one size: what is inside, on which side, and how far."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely

from streamtrack.config import LineRule, ZoneRule
from streamtrack.frame import BoolMask, ObjectMask
from streamtrack.rules.state import Point

INNER_SHARE = 0.25
"""A margin takes no more of the way from a zone's border to its middle: a narrow one can be entered, too."""


def pixel_points(points: Sequence[Point], unit: str, frame_size: tuple[int, int]) -> tuple[Point, ...]:
    """Points of a rule in pixels of a frame of (H, W)."""
    if unit == "px":
        return tuple(points)
    height, width = frame_size
    return tuple((x * width, y * height) for x, y in points)


def outside_fault(rule: ZoneRule | LineRule, frame_size: tuple[int, int]) -> str | None:
    """Why a rule does not fit a picture of (H, W); None where it does."""
    height, width = frame_size
    for x, y in pixel_points(rule.points, rule.unit, frame_size):
        if x > width or y > height:
            return (
                f"{rule.kind} {rule.name!r}: a point is {x:g}, {y:g}, outside the picture: "
                f"expected 0 to {width}, 0 to {height}"
            )
    return None


class ZoneShape:
    """A polygon."""

    def __init__(self, points: Sequence[Point], frame_size: tuple[int, int]) -> None:
        """
        Args:
            points: x, y in pixels of the frame.
            frame_size: H, W of the frame.
        """
        self._polygon = shapely.Polygon(points)
        shapely.prepare(self._polygon)
        self._border = self._polygon.exterior
        self._frame_size = frame_size
        self._pixels: BoolMask | None = None
        self.inradius_px = float(shapely.maximum_inscribed_circle(self._polygon).length)
        """From the border to the innermost point."""

    def holds(self, point: Point) -> bool:
        """Whether a point is inside, or on the border."""
        return bool(self._polygon.covers(shapely.Point(point)))

    def distance_px(self, point: Point) -> float:
        """From a point to the border, whichever side it is on."""
        return float(self._border.distance(shapely.Point(point)))

    def share_of(self, item: ObjectMask) -> float:
        """Share of an object's pixels whose centres are inside, 0 to 1."""
        if not item.area_px:
            return 0.0
        if self._pixels is None:
            self._pixels = self._rasterise()
        x0, y0, x1, y1 = item.box
        return int(np.count_nonzero(self._pixels[y0:y1, x0:x1] & item.crop)) / item.area_px

    def _rasterise(self) -> BoolMask:
        """(H, W) bool, True on the pixels whose centres are inside."""
        height, width = self._frame_size
        pixels = np.zeros((height, width), np.bool_)
        left, top, right, bottom = self._polygon.bounds
        x0, y0 = max(0, math.floor(left)), max(0, math.floor(top))
        x1, y1 = min(width, math.ceil(right)), min(height, math.ceil(bottom))
        if x0 < x1 and y0 < y1:
            xs, ys = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
            pixels[y0:y1, x0:x1] = shapely.contains_xy(self._polygon, xs, ys)
        return pixels


class LineShape:
    """A line of two or more points."""

    def __init__(self, points: Sequence[Point], frame_size: tuple[int, int]) -> None:
        """Arguments as for `ZoneShape`."""
        self._points = tuple(points)
        self._line = shapely.LineString(points)
        self._frame_size = frame_size
        self._pixels: BoolMask | None = None

    def distance_px(self, point: Point) -> float:
        """From a point to the line."""
        return float(self._line.distance(shapely.Point(point)))

    def crossings(self, start: Point, end: Point) -> int:
        """How often the straight way between two points crosses from left to right, less how often back.

        Left and right are as seen from the line's first point towards its last.
        """
        pairs = zip(self._points, self._points[1:], strict=False)
        return sum(_crossing(a, b, start, end) for a, b in pairs)

    def touches(self, item: ObjectMask) -> bool:
        """Whether the line runs through a pixel of the object."""
        if self._pixels is None:
            self._pixels = self._rasterise()
        x0, y0, x1, y1 = item.box
        return bool((self._pixels[y0:y1, x0:x1] & item.crop).any())

    def _rasterise(self) -> BoolMask:
        """(H, W) bool, True on the pixels that the line runs through."""
        height, width = self._frame_size
        pixels = np.zeros((height, width), np.bool_)
        for (ax, ay), (bx, by) in zip(self._points, self._points[1:], strict=False):
            # Four points a pixel leave no hole.
            steps = np.linspace(0.0, 1.0, 2 + 4 * math.ceil(math.hypot(bx - ax, by - ay)))
            columns = np.clip((ax + steps * (bx - ax)).astype(np.intp), 0, width - 1)
            rows = np.clip((ay + steps * (by - ay)).astype(np.intp), 0, height - 1)
            pixels[rows, columns] = True
        return pixels


def _crossing(a: Point, b: Point, start: Point, end: Point) -> int:
    """1 where the way from `start` to `end` crosses a-b from its left to its right, -1 from right to left."""
    before, after = _is_right(a, b, start), _is_right(a, b, end)
    if before == after:
        return 0
    # Where the way meets the line through a and b: between them, b left to the next part of the line.
    at_a, at_b = _cross(start, end, a), _cross(start, end, b)
    if (at_a >= 0) == (at_b >= 0):
        return 0
    return 1 if after else -1


def _is_right(a: Point, b: Point, point: Point) -> bool:
    # y grows downward, so that right of the way from a to b is where the cross product is positive.
    return _cross(a, b, point) > 0


def _cross(a: Point, b: Point, point: Point) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
