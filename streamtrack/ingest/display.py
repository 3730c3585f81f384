"""A decoded frame as a player shows it: square pixels, upright, right colours, no wider than asked for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import Colorspace, VideoReformatter

from streamtrack.frame import Image

HD_ROWS, HD_COLUMNS = 720, 1280
"""From here on, pictures that do not name their matrix are taken as BT.709, as players do."""
MAX_ASPECT = 16
"""A sample further from square than this is a damaged header, not a picture."""
SPC_RGB, SPC_BT709, SPC_UNSPECIFIED, SPC_RESERVED, SPC_FCC = 0, 1, 2, 3, 4
SPC_SMPTE240M, SPC_BT2020_NCL, SPC_BT2020_CL = 7, 9, 10
"""FFmpeg's numbers of colour matrices, AVColorSpace (ITU-T H.273); the rest are BT.601's."""

_MATRICES = {
    SPC_BT709: Colorspace.ITU709,
    SPC_FCC: Colorspace.FCC,
    SPC_SMPTE240M: Colorspace.SMPTE240M,
    SPC_BT2020_NCL: Colorspace.BT2020,
    SPC_BT2020_CL: Colorspace.BT2020,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A quarter turn and a mirror that bring a stored picture upright."""

    quarter_turns: int = 0
    """Counter-clockwise, 0 to 3, after the mirror."""
    mirrored: bool = False
    """Left and right are exchanged first."""

    @property
    def is_sideways(self) -> bool:
        """Whether rows become columns."""
        return self.quarter_turns % 2 == 1

    def apply(self, image: Image) -> Image:
        """The picture upright, (H, W, 3) or (W, H, 3), contiguous."""
        turned = np.fliplr(image) if self.mirrored else image
        return np.ascontiguousarray(np.rot90(turned, self.quarter_turns))


UPRIGHT = Turn()


def turn_of_matrix(matrix: bytes) -> Turn:
    """What a display matrix asks for, to the nearest quarter turn.

    Args:
        matrix: 9 numbers of 32 bits, as FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX: a pixel at (x, y) is shown at
            (a x + c y, b x + d y), with y downwards.
    """
    if len(matrix) < 36:
        return UPRIGHT
    a, b, _, c, d = (float(v) for v in np.frombuffer(matrix, np.int32, 5))
    if a * d == b * c:
        return UPRIGHT
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # undo the mirror of x, which comes first
    # (a, b) is where the x axis points, y downwards: a clockwise angle.
    return Turn(round(-np.degrees(np.arctan2(b, a)) / 90) % 4, mirrored)


def shown_size(
    width_px: int,
    height_px: int,
    sample_aspect: Fraction | None,
    turn: Turn = UPRIGHT,
    max_width_px: int | None = None,
) -> tuple[int, int]:
    """Width and height of the picture as shown, after squaring its pixels, turning and limiting.

    The side that is too short is stretched, so that no line is lost: pixels wider than high make the picture
    wider, others make it higher.
    """
    width, height = float(width_px), float(height_px)
    if sample_aspect and 1 / MAX_ASPECT <= sample_aspect <= MAX_ASPECT:
        if sample_aspect > 1:
            width *= float(sample_aspect)
        else:
            height /= float(sample_aspect)
    if turn.is_sideways:
        width, height = height, width
    scale = min(1.0, max_width_px / width) if max_width_px else 1.0
    return max(1, round(width * scale)), max(1, round(height * scale))


class Display:
    """Converts the frames of one playback."""

    def __init__(self, max_width_px: int | None) -> None:
        self._max_width_px = max_width_px
        self._reformatter = VideoReformatter()

    def show(self, frame: Any, sample_aspect: Fraction | None) -> Image:
        """A `VideoFrame` as (H, W, 3) uint8 RGB, contiguous.

        Args:
            sample_aspect: width of a stored pixel by its height; None or 0 where not told.
        """
        turn = _turn(frame)
        width, height = shown_size(frame.width, frame.height, sample_aspect, turn, self._max_width_px)
        if turn.is_sideways:
            width, height = height, width
        rgb = self._reformatter.reformat(
            frame, width, height, "rgb24", src_colorspace=_matrix(frame), interpolation="AREA", threads=1
        )
        image: Image = np.asarray(rgb.to_ndarray(), np.uint8)
        return image if turn == UPRIGHT else turn.apply(image)


def _turn(frame: Any) -> Turn:
    """How a frame is brought upright."""
    try:
        matrix = frame.side_data.get(SideData.DISPLAYMATRIX)
    except ValueError:
        # PyAV fails at side data that is younger than itself, such as EXIF; the angle it tells.
        return Turn(round(frame.rotation / 90) % 4)
    return UPRIGHT if matrix is None else turn_of_matrix(bytes(matrix))


def _matrix(frame: Any) -> Colorspace | None:
    """The colour matrix to decode with; None for pictures that are RGB or grey already."""
    if frame.colorspace == SPC_RGB or frame.format.is_rgb:
        return None
    if frame.colorspace in (SPC_UNSPECIFIED, SPC_RESERVED):
        is_hd = frame.height >= HD_ROWS or frame.width >= HD_COLUMNS
        return Colorspace.ITU709 if is_hd else Colorspace.ITU601
    return _MATRICES.get(int(frame.colorspace), Colorspace.ITU601)
