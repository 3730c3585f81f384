"""Zones and lines over the annotated picture: their edges, their names, and what they counted."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image
from streamtrack.rules.state import DrawnRule
from streamtrack.video.tag_layout import Box
from streamtrack.video.tags import blend_tag, render_tag

ZONE_COLOUR, ACTIVE_COLOUR, LINE_COLOUR = (108, 182, 255), (240, 184, 74), (214, 160, 255)
HALO_COLOUR = (8, 10, 14)
TINT = 0.12
"""Share of its colour that a zone in which somebody is gets."""
ARROW_PX = 16


def draw_rules(picture: Image, rules: Sequence[DrawnRule]) -> list[Box]:
    """Draw every rule on (H, W, 3) uint8 RGB, in place; returns where their names stand."""
    return [box for rule in rules if (box := _draw(picture, rule)) is not None]


def _draw(picture: Image, rule: DrawnRule) -> Box | None:
    height, width = picture.shape[:2]
    points = np.rint(np.array(rule.points) * (width, height)).astype(np.int32)
    points = np.clip(points, 0, (width - 1, height - 1))
    colour = LINE_COLOUR if not rule.is_zone else ACTIVE_COLOUR if rule.active else ZONE_COLOUR
    if rule.is_zone and rule.active:
        _tint(picture, points, colour)
    cv2.polylines(picture, [points], rule.is_zone, HALO_COLOUR, 4, cv2.LINE_AA)
    cv2.polylines(picture, [points], rule.is_zone, colour, 2, cv2.LINE_AA)
    if not rule.is_zone:
        _arrow(picture, points, colour)
    text_px = min(22, max(11, round(height / 32)))
    tag = render_tag(rule.name, rule.text, colour, text_px)
    tag_height, tag_width = tag.colour.shape[:2]
    if tag_height > height or tag_width > width:
        return None
    # At the zone's upper edge or the line's beginning, where its picture leaves room.
    x, y = points[np.argmin(points[:, 1])] if rule.is_zone else points[0]
    left, top = int(min(max(0, x + 4), width - tag_width)), int(min(y + 4, height - tag_height))
    blend_tag(picture, tag, left, top)
    return left, top, left + tag_width, top + tag_height


def _tint(picture: Image, points: NDArray[np.int32], colour: tuple[int, int, int]) -> None:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0) + 1
    region = picture[y0:y1, x0:x1]
    inside = np.zeros(region.shape[:2], np.uint8)
    cv2.fillPoly(inside, [points - (x0, y0)], 255)
    tinted = cv2.addWeighted(region, 1 - TINT, np.full_like(region, colour), TINT, 0)
    cv2.copyTo(tinted, inside, region)


def _arrow(picture: Image, points: NDArray[np.int32], colour: tuple[int, int, int]) -> None:
    """Which way is forward: from the line's left side to its right."""
    middle = len(points) // 2
    start, end = points[middle - 1].astype(np.float64), points[middle].astype(np.float64)
    way = end - start
    length = float(np.hypot(*way))
    if length == 0:
        return
    right = np.array([-way[1], way[0]]) / length
    centre = (start + end) / 2
    tail, head = (tuple(map(round, centre + right * reach)) for reach in (-ARROW_PX / 2, ARROW_PX))
    cv2.arrowedLine(picture, tail, head, HALO_COLOUR, 4, cv2.LINE_AA, tipLength=0.4)
    cv2.arrowedLine(picture, tail, head, colour, 2, cv2.LINE_AA, tipLength=0.4)
