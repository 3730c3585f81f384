"""A frame's objects without what is around them: on transparency, or on a colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import FrameResult, Image
from streamtrack.offline.frame_pictures import widest
from streamtrack.video.draw import scale_picture
from streamtrack.video.palette import Colour

BLEED_PX = 8
"""How far colours go on beyond the mask, unseen: a codec mixes the colours of neighbouring pixels, and an
edge would turn dark."""
EDGE_PX = 1.0
"""Softness of the edge on a colour, so that no stairs are seen."""


def cut_out(result: FrameResult) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 RGB and alpha, straight: 255 on any object, 0 elsewhere; H and W even."""
    image, mask = _scaled(result)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BLEED_PX + 1, 2 * BLEED_PX + 1))
    near = cv2.dilate(mask, kernel)
    picture = np.zeros((*mask.shape, 4), np.uint8)
    picture[..., :3] = np.where(near[..., None] > 0, image, 0)
    picture[..., 3] = mask
    return picture


def cut_out_on(result: FrameResult, colour: Colour) -> Image:
    """(H, W, 3) uint8 RGB: the objects, and one colour everywhere else; H and W even."""
    image, mask = _scaled(result)
    # Softened inwards only: what is off the objects shows nothing but the colour.
    soft = np.minimum(cv2.GaussianBlur(mask, (0, 0), EDGE_PX), mask)
    share = soft.astype(np.float32)[..., None] / 255
    mixed = image * share + np.array(colour, np.float32) * (1 - share)
    return np.asarray(np.rint(mixed), np.uint8)


def _scaled(result: FrameResult) -> tuple[Image, NDArray[np.uint8]]:
    """The frame and the union of its masks (0 or 255), at an even size."""
    union = np.zeros((result.frame.height_px, result.frame.width_px), np.uint8)
    for item in result.objects.values():
        x0, y0, x1, y1 = item.box
        union[y0:y1, x0:x1][item.crop] = 255
    width = widest(result)
    image = scale_picture(result.frame.image, width)[0]
    mask = scale_picture(np.repeat(union[..., None], 3, axis=2), width)[0][..., 0]
    return image, np.where(mask > 127, np.uint8(255), np.uint8(0))
