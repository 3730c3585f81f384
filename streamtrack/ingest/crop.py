"""The part of a source's pictures that is taken for the picture: everything behind sees nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamtrack.config.source import Crop
from streamtrack.errors import SourceError
from streamtrack.ingest.decoder import Picture, StreamInfo


def crop_picture(picture: Picture, crop: Crop | None, source: str) -> Picture:
    """A picture's part, true masks included.

    Args:
        crop: x0, y0, x1, y1 in pixels of the picture; None: all of it.
        source: the source's URL, as people may see it.
    Raises:
        SourceError: the part is not inside the picture.
    """
    if crop is None:
        return picture
    x0, y0, x1, y1 = crop
    height, width = picture.image.shape[:2]
    if x1 > width or y1 > height:
        raise SourceError(
            f"source {source}: crop is {x0}, {y0}, {x1}, {y1}, expected a part of the picture, which is "
            f"{width}x{height}"
        )
    part = np.s_[y0:y1, x0:x1]
    masks = picture.ground_truth
    if masks is not None:
        masks = {object_id: np.ascontiguousarray(mask[part]) for object_id, mask in masks.items()}
    return replace(picture, image=np.ascontiguousarray(picture.image[part]), ground_truth=masks)


def crop_info(info: StreamInfo, crop: Crop | None) -> StreamInfo:
    """What is told of a source whose pictures are cropped."""
    return info if crop is None else replace(info, width_px=crop[2] - crop[0], height_px=crop[3] - crop[1])
