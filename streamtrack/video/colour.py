"""Which numbers stand for which colour: what is written is converted by one matrix and says by which.

A player takes the matrix that the stream names. One that names none is shown by a guess from its size, and
then red turns orange and faces turn green.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from streamtrack.frame import Image

HD_WIDTH_PX, HD_HEIGHT_PX = 1280, 577
"""From this width or height on a picture is high definition: what players guess that are told nothing."""

BT601 = {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 1}
"""SMPTE 170M, limited range: standard definition."""
BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
"""BT.709, limited range: high definition."""


@dataclass(frozen=True, slots=True)
class PictureColour:
    """How RGB becomes Y'CbCr, and the tags that say so."""

    matrix: Colorspace
    tags: Mapping[str, int]
    """Attributes of FFmpeg's codec contexts and their values."""

    def tag(self, codec_context: Any) -> None:
        """Write the tags on an encoder that is not open yet."""
        for name, value in self.tags.items():
            setattr(codec_context, name, value)

    def convert(self, picture: Image, reformatter: VideoReformatter, pixel_format: str = "yuv420p") -> Any:
        """An (H, W, 3) uint8 RGB picture as an `av.VideoFrame`; (H, W, 4) with alpha where the format has it.
        H and W even."""
        return reformatter.reformat(
            av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24"),
            format=pixel_format,
            dst_colorspace=self.matrix,
            dst_color_range=ColorRange.MPEG,
        )


SD_COLOUR = PictureColour(Colorspace.ITU601, BT601)
HD_COLOUR = PictureColour(Colorspace.ITU709, BT709)


def colour_of(width_px: int, height_px: int) -> PictureColour:
    """BT.709 for pictures in high definition, BT.601 for smaller ones."""
    return HD_COLOUR if width_px >= HD_WIDTH_PX or height_px >= HD_HEIGHT_PX else SD_COLOUR
