"""The picture that people watch: masks, outlines and tags drawn over the frame.

Pure: a result in, a picture out. Only pixels inside an object's box are touched, so the cost follows the
objects, not the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.config import AnnotateConfig
from streamtrack.frame import FrameResult, Image, ObjectMask, ObjectState
from streamtrack.rules.state import DrawnRule
from streamtrack.video.draw_rules import draw_rules
from streamtrack.video.palette import Colour, object_colour
from streamtrack.video.tag_layout import Box, TagLayout, TagOf
from streamtrack.video.tags import Tag, blend_tag, render_tag

HALO_COLOUR = (8, 10, 14)
HALO_PX = 2
"""How much wider than the outline its dark halo is. It keeps a bright edge readable on bright ground."""
SMOOTHING_PX = 0.7
"""How far the outline may leave the mask's edge: no stairs, and a tenth of the segments to draw."""
DASH_PX, DASH_GAP_PX = 9, 6
"""Uncertain objects have a dashed outline: readable without colour."""
UNCERTAIN_OPACITY = 0.45
"""Share of the usual fill that an uncertain object gets."""
MARGIN_PX = 8
LEADER_FROM_PX = 12
"""A tag that stands farther from its object is tied to it by a line."""


class _Placed(NamedTuple):
    """An object with its mask in pixels of the picture."""

    item: ObjectMask
    colour: Colour
    box: Box
    contours: Sequence[NDArray[np.int32]]
    """Each (n, 1, 2) int32 x, y."""


def annotate(
    result: FrameResult,
    config: AnnotateConfig,
    layout: TagLayout | None = None,
    rules: Sequence[DrawnRule] = (),
) -> Image:
    """Draw a tracked frame.

    Args:
        layout: knows where the tags of the frames before stand, so that they stay there; None: a frame of its
            own.
        rules: zones and lines, with what they counted.
    Returns:
        (H, W, 3) uint8 RGB, a new array, H and W even (video codecs need it), W at most `max_width_px`.
    """
    picture, scale_x, scale_y = scale_picture(result.frame.image, config.max_width_px)
    visible = [item for item in result.objects.values() if item.area_px]
    placed = [_draw_mask(picture, item, scale_x, scale_y, config) for item in visible]
    names = draw_rules(picture, rules) if config.rules else []
    for one in placed:
        _draw_outline(picture, one, config.outline_px)
    if config.labels:
        absent = [item for item in result.objects.values() if not item.area_px]
        _draw_tags(picture, placed, absent, layout or TagLayout(), names)
    return picture


def picture_size(width_px: int, height_px: int, max_width_px: int) -> tuple[int, int]:
    """Width and height of the annotated picture of a frame: scaled down to fit, both even, at least 2."""
    if width_px > max_width_px:
        width_px, height_px = max_width_px, round(height_px * max_width_px / width_px)
    return max(2, width_px & ~1), max(2, height_px & ~1)


def scale_picture(image: Image, max_width_px: int) -> tuple[Image, float, float]:
    """A writable copy at the annotated picture's size, with its scale in x and y."""
    height, width = image.shape[:2]
    out_width, out_height = picture_size(width, height, max_width_px)
    if (out_width, out_height) == (width, height):
        return image.copy(), 1.0, 1.0
    if (out_width, out_height) == (width & ~1, height & ~1):
        # An odd row or column is cut, not scaled: scaling by one pixel would blur the whole picture.
        return image[:out_height, :out_width].copy(), 1.0, 1.0
    scaled = cv2.resize(image, (out_width, out_height), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8), out_width / width, out_height / height


def _draw_mask(
    picture: Image, item: ObjectMask, scale_x: float, scale_y: float, config: AnnotateConfig
) -> _Placed:
    """Tint the mask's pixels, in place."""
    colour = object_colour(item.object_id)
    box, crop = _scale_crop(item, scale_x, scale_y, picture.shape[1], picture.shape[0])
    x0, y0, x1, y1 = box
    if crop.size == 0:
        return _Placed(item, colour, box, [])
    share = config.mask_opacity * (UNCERTAIN_OPACITY if item.state is ObjectState.UNCERTAIN else 1.0)
    if share > 0:
        region = picture[y0:y1, x0:x1]
        cv2.copyTo(cv2.LUT(region, _tint_table(colour, share)), crop, region)
    # One pixel of padding: a contour along the crop's edge is otherwise left open.
    contours, _ = cv2.findContours(
        cv2.copyMakeBorder(crop, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0),
        cv2.RETR_CCOMP,
        cv2.CHAIN_APPROX_NONE,
        offset=(x0 - 1, y0 - 1),
    )
    return _Placed(item, colour, box, contours)


def _scale_crop(
    item: ObjectMask, scale_x: float, scale_y: float, width: int, height: int
) -> tuple[Box, NDArray[np.uint8]]:
    """The object's box in pixels of the picture, cut to it, and its mask there as 0 or 255."""
    x0, y0, x1, y1 = item.box
    crop = item.crop.view(np.uint8) * np.uint8(255)
    if scale_x != 1.0 or scale_y != 1.0:
        x0, x1 = round(x0 * scale_x), max(round(x1 * scale_x), round(x0 * scale_x) + 1)
        y0, y1 = round(y0 * scale_y), max(round(y1 * scale_y), round(y0 * scale_y) + 1)
        crop = cv2.resize(crop, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        crop = np.where(crop > 127, np.uint8(255), np.uint8(0))
    x1, y1 = min(x1, width), min(y1, height)
    return (x0, y0, x1, y1), np.ascontiguousarray(crop[: max(0, y1 - y0), : max(0, x1 - x0)])


@lru_cache(maxsize=256)
def _tint_table(colour: Colour, share: float) -> NDArray[np.uint8]:
    """(1, 256, 3) table of each channel's values blended with the colour: a blend for a look-up's price."""
    values = np.arange(256, dtype=np.float32)[:, None]
    blended = values * (1 - share) + np.array(colour, np.float32) * share
    return np.rint(blended).astype(np.uint8)[None]


def _draw_outline(picture: Image, one: _Placed, outline_px: int) -> None:
    """Trace the mask's edge in the object's colour over a dark halo, in place."""
    if outline_px == 0 or not one.contours:
        return
    smooth = [cv2.approxPolyDP(contour, SMOOTHING_PX, True) for contour in one.contours]
    cv2.polylines(picture, smooth, True, HALO_COLOUR, outline_px + HALO_PX, cv2.LINE_AA)
    if one.item.state is ObjectState.UNCERTAIN:
        cv2.polylines(picture, _dashes(one.contours), False, one.colour, outline_px, cv2.LINE_AA)
    else:
        cv2.polylines(picture, smooth, True, one.colour, outline_px, cv2.LINE_AA)


def _dashes(contours: Sequence[NDArray[np.int32]]) -> list[NDArray[np.int32]]:
    step = DASH_PX + DASH_GAP_PX
    return [
        cv2.approxPolyDP(contour[start : start + DASH_PX], SMOOTHING_PX, False)
        for contour in contours
        for start in range(0, len(contour), step)
    ]


def _draw_tags(
    picture: Image,
    placed: Sequence[_Placed],
    absent: Sequence[ObjectMask],
    layout: TagLayout,
    names: Sequence[Box],
) -> None:
    """Name each object beside its mask and off the rules' names, and list those without a mask in the lower
    left corner, in place."""
    height, width = picture.shape[:2]
    text_px = min(26, max(11, round(height / 28)))
    taken = [*names, *_draw_absent(picture, absent, text_px)]
    tags = [render_tag(_name(one.item), _note(one.item), one.colour, text_px) for one in placed]
    wanted = [
        TagOf(one.item.object_id, tag.colour.shape[1], tag.colour.shape[0], one.box)
        for one, tag in zip(placed, tags, strict=True)
    ]
    places = layout.place(wanted, taken, width, height)
    for one, tag, (x, y) in zip(placed, tags, places, strict=True):
        _draw_leader(picture, one, _tag_box(tag, x, y))
    for tag, (x, y) in zip(tags, places, strict=True):
        blend_tag(picture, tag, x, y)


def _draw_absent(picture: Image, absent: Sequence[ObjectMask], text_px: int) -> list[Box]:
    """List objects without a mask, in place; returns what that takes."""
    taken: list[Box] = []
    y = picture.shape[0] - MARGIN_PX
    for item in reversed(absent):
        tag = render_tag(_name(item), _note(item), object_colour(item.object_id), text_px)
        y -= tag.colour.shape[0]
        if y < 0:
            break
        blend_tag(picture, tag, MARGIN_PX, y)
        taken.append(_tag_box(tag, MARGIN_PX, y))
        y -= 3
    return taken


def _draw_leader(picture: Image, one: _Placed, tag: Box) -> None:
    """A thin line from a tag to its object, where nobody could tell whose it is."""
    centre = ((tag[0] + tag[2]) // 2, (tag[1] + tag[3]) // 2)
    nearest = (
        min(max(centre[0], one.box[0]), one.box[2] - 1),
        min(max(centre[1], one.box[1]), one.box[3] - 1),
    )
    away_x = max(tag[0] - nearest[0], nearest[0] - tag[2], 0)
    away_y = max(tag[1] - nearest[1], nearest[1] - tag[3], 0)
    if max(away_x, away_y) > LEADER_FROM_PX:
        cv2.line(picture, centre, nearest, HALO_COLOUR, 1 + HALO_PX, cv2.LINE_AA)
        cv2.line(picture, centre, nearest, one.colour, 1, cv2.LINE_AA)


def _note(item: ObjectMask) -> str:
    """What the tag says beside the name. The picture of a frame says nothing of the time after it."""
    return "" if item.state in (ObjectState.TRACKING, ObjectState.UNSEEN) else str(item.state)


def _name(item: ObjectMask) -> str:
    return f"{item.object_id} {item.label}".rstrip()


def _tag_box(tag: Tag, x: int, y: int) -> Box:
    return x, y, x + tag.colour.shape[1], y + tag.colour.shape[0]
