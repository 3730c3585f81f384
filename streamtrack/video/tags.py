"""Text on a dark pill, rendered once and blended many times.

An object's text changes rarely, its place at every frame: the pixels are kept, and a frame pays one small
blend.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import Image
from streamtrack.video.palette import Colour

PANEL_COLOUR = (13, 17, 23)
PANEL_OPACITY = 0.80
TEXT_COLOUR = (240, 244, 248)
QUIET_TEXT_COLOUR = (160, 172, 184)
MAX_TAG_CHARACTERS = 40
"""Longer labels end in an ellipsis; a tag should not cover the scene."""
TAG_CACHE = 512
"""Rendered tags kept, about 4 kB each."""
SUPERSAMPLING = 4
"""Round corners are drawn this many times larger and averaged down."""


class Tag(NamedTuple):
    """Premultiplied pixels of one tag."""

    colour: NDArray[np.uint16]
    """(h, w, 3): colour times opacity, 0 to 65025."""
    remainder: NDArray[np.uint16]
    """(h, w, 1): 255 less the opacity: the share of the picture that shows through."""


@lru_cache(maxsize=TAG_CACHE)
def render_tag(text: str, note: str, colour: Colour, text_px: int) -> Tag:
    """A dark pill: a dot in the object's colour, `text`, a quieter `note`; either may be empty."""
    if len(text) > MAX_TAG_CHARACTERS:
        text = text[: MAX_TAG_CHARACTERS - 1] + "…"
    text_alpha = _text_alpha(text, text_px)
    note_alpha = _text_alpha(note, text_px)
    pad, dot = max(3, round(text_px * 0.45)), max(4, round(text_px * 0.55))
    gap = max(3, round(text_px * 0.4))
    height = text_px + 2 * max(2, round(text_px * 0.28))
    width = pad + dot + pad
    for alpha in (text_alpha, note_alpha):
        width += alpha.shape[1] + gap if alpha.size else 0

    opacity = np.asarray(_rounded_alpha(height, width, height // 3) * (PANEL_OPACITY / 255), np.float32)
    rgb = np.empty((height, width, 3), np.float32)
    rgb[:] = np.array(PANEL_COLOUR, np.float32) * opacity[..., None]
    disc = _rounded_alpha(dot, dot, dot // 2)
    _over(rgb, opacity, disc, (height - dot) // 2, pad, colour)
    x = pad + dot + gap
    for alpha, ink in ((text_alpha, TEXT_COLOUR), (note_alpha, QUIET_TEXT_COLOUR)):
        if alpha.size:
            _over(rgb, opacity, alpha, (height - alpha.shape[0]) // 2, x, ink)
            x += alpha.shape[1] + gap
    return Tag(
        np.rint(rgb * 255).astype(np.uint16), (255 - np.rint(opacity[..., None] * 255)).astype(np.uint16)
    )


def blend_tag(picture: Image, tag: Tag, x: int, y: int) -> None:
    """Draw a tag with its top-left corner at x, y; what lies outside the picture is cut off."""
    height, width = picture.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + tag.colour.shape[1], width), min(y + tag.colour.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    rows, columns = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
    below = picture[y0:y1, x0:x1]
    below[:] = (tag.colour[rows, columns] + below * tag.remainder[rows, columns]) // 255


def _over(
    rgb: NDArray[np.float32],
    opacity: NDArray[np.float32],
    alpha: NDArray[np.uint8],
    y: int,
    x: int,
    ink: Colour,
) -> None:
    """Lay ink over premultiplied pixels, in place."""
    height, width = alpha.shape
    share = alpha.astype(np.float32)[..., None] / 255
    area = np.s_[y : y + height, x : x + width]
    rgb[area] = rgb[area] * (1 - share) + np.array(ink, np.float32) * share
    opacity[area] = opacity[area] * (1 - share[..., 0]) + share[..., 0]


def _rounded_alpha(height: int, width: int, radius: int) -> NDArray[np.uint8]:
    """(height, width) uint8 opacity of a filled rectangle with round corners."""
    s = SUPERSAMPLING
    canvas = np.zeros((height * s, width * s), np.uint8)
    r, h, w = radius * s, height * s, width * s
    cv2.rectangle(canvas, (r, 0), (w - 1 - r, h - 1), 255, -1)
    cv2.rectangle(canvas, (0, r), (w - 1, h - 1 - r), 255, -1)
    for centre in ((r, r), (w - 1 - r, r), (r, h - 1 - r), (w - 1 - r, h - 1 - r)):
        cv2.circle(canvas, centre, r, 255, -1)
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _text_alpha(text: str, text_px: int) -> NDArray[np.uint8]:
    """(h, w) uint8 opacity of a line of text with equal room above capitals and below the baseline."""
    if not text:
        return np.zeros((0, 0), np.uint8)
    margin = text_px
    canvas = np.zeros((3 * text_px, (len(text) + 2) * text_px + 2 * margin), np.uint8)
    baseline = 2 * text_px
    end_x = _put_text(canvas, text, (margin, baseline), text_px)
    capital = round(0.70 * text_px)
    room = (text_px - capital) // 2 + max(2, round(text_px * 0.25))
    return np.ascontiguousarray(canvas[baseline - capital - room : baseline + room, margin : end_x + 1])


def _put_text(canvas: NDArray[np.uint8], text: str, origin: tuple[int, int], text_px: int) -> int:
    """Write in white on a grey canvas; returns the x where the text ends."""
    face = _font_face()
    if face is not None:
        end, _ = cv2.putText(canvas, text, origin, 255, face, text_px, 500)
        return int(end[0])
    # OpenCV 4 only has stroke fonts without letters beyond ASCII: it writes "?" for them.
    scale = text_px / 30
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    return int(origin[0] + width)


@lru_cache(maxsize=1)
def _font_face() -> Any:
    """OpenCV 5's built-in outline font, None under OpenCV 4."""
    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None
