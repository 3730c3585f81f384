"""The picture of one object in an event: a small JPEG of bounded size."""

from __future__ import annotations

import base64

import cv2

from streamtrack.frame import Image

MARGIN_SHARE = 0.15
"""Of the box, that is shown around it."""
MAX_JPEG_BYTES = 12_288
QUALITIES = (75, 55, 35, 20)
"""The first whose JPEG is small enough is taken."""


def thumbnail(image: Image, box: tuple[int, int, int, int], max_side_px: int) -> str | None:
    """JPEG in base64 of an object and a little around it; None where the box is empty, or nothing is small
    enough.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x0, y0, x1, y1 in pixels of the image.
        max_side_px: of the longer side; smaller objects are not enlarged.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box
    if x0 >= x1 or y0 >= y1 or max_side_px < 1:
        return None
    dx, dy = round(MARGIN_SHARE * (x1 - x0)), round(MARGIN_SHARE * (y1 - y0))
    crop = image[max(0, y0 - dy) : min(height, y1 + dy), max(0, x0 - dx) : min(width, x1 + dx)]
    scale = max_side_px / max(crop.shape[:2])
    if scale < 1:
        size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
    for quality in QUALITIES:
        ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if ok and data.size <= MAX_JPEG_BYTES:
            return base64.b64encode(data.tobytes()).decode("ascii")
    return None
