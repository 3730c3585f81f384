"""Masks of one frame as a transparent picture that lies over the frame's."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import cv2
import numpy as np

from streamtrack.frame import ObjectMask
from streamtrack.pick.pictures import shown_size
from streamtrack.video.palette import object_colour

FILL = 115
"""Opacity of a mask, 0 to 255."""
OUTLINE_PX = 2


def overlay_address(masks: Iterable[ObjectMask]) -> str | None:
    """A `data:` address of a PNG with every mask in its object's colour; None where all are empty.

    The picture has the size of the frame's picture as it is sent. A later object lies over an earlier one.
    """
    found = [mask for mask in masks if mask.area_px]
    if not found:
        return None
    height, width = found[0].frame_size
    size = shown_size(width, height)
    picture = np.zeros((size[1], size[0], 4), np.uint8)
    for mask in found:
        red, green, blue = object_colour(mask.object_id)
        inside = mask.mask.view(np.uint8)
        if (width, height) != size:
            inside = np.asarray(cv2.resize(inside * 255, size, interpolation=cv2.INTER_AREA)) // 128
        picture[inside > 0] = (blue, green, red, FILL)
        contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, (blue, green, red, 255), OUTLINE_PX)
    done, encoded = cv2.imencode(".png", picture, (cv2.IMWRITE_PNG_COMPRESSION, 3))
    assert done
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode()
