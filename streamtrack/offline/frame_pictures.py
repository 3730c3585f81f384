"""Pictures that several exporters write, drawn once a frame: the overlay, the masks alone, panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from streamtrack.config import AnnotateConfig
from streamtrack.frame import FrameResult, Image
from streamtrack.offline.export_options import Panel
from streamtrack.rules.state import DrawnRule
from streamtrack.video.draw import annotate, scale_picture
from streamtrack.video.palette import object_colour

MAX_SIDE_PX = 16_384
"""What x264 takes. Larger frames are drawn smaller."""
MAX_PANELS_WIDTH_PX = 4096
"""Of all panels of a video together: what players decode in hardware."""


class FramePictures:
    """Draws; the newest frame's overlay is kept for whoever asks next."""

    def __init__(
        self,
        config: AnnotateConfig | None = None,
        rules: Callable[[], Sequence[DrawnRule]] = tuple,
    ) -> None:
        """`config`: how pictures are drawn on; its width is not followed, pictures are the source's size.
        `rules`: the zones and lines to draw, with their counts of this moment."""
        self._config = config or AnnotateConfig()
        self._rules = rules
        self._drawn: tuple[FrameResult, int, Image] | None = None

    def overlay(self, result: FrameResult, max_width_px: int | None = None) -> Image:
        """The frame with masks, outlines and labels: (H, W, 3) uint8 RGB, H and W even, to be read only."""
        width = min(widest(result), max_width_px or MAX_SIDE_PX)
        if self._drawn is None or self._drawn[0] is not result or self._drawn[1] != width:
            config = self._config.model_copy(update={"max_width_px": width})
            self._drawn = (result, width, annotate(result, config, rules=self._rules()))
        return self._drawn[2]

    def panels(self, result: FrameResult, panels: Sequence[Panel], max_width_px: int = MAX_SIDE_PX) -> Image:
        """Pictures of the frame side by side, all of one size."""
        width = max(2, min(widest(result), max_width_px // len(panels)))
        drawn: dict[Panel, Image] = {}
        for panel in panels:
            if panel == "source":
                drawn[panel] = scale_picture(result.frame.image, width)[0]
            elif panel == "overlay":
                drawn[panel] = self.overlay(result, width)
            else:
                drawn[panel] = scale_picture(draw_masks(result), width)[0]
        return np.concatenate([drawn[panel] for panel in panels], axis=1)


def draw_masks(result: FrameResult) -> Image:
    """(H, W, 3) uint8 RGB: each object in its overlay's colour on black; the lowest id lies on top."""
    picture = np.zeros_like(result.frame.image)
    for item in sorted(result.objects.values(), key=lambda item: item.object_id, reverse=True):
        x0, y0, x1, y1 = item.box
        picture[y0:y1, x0:x1][item.crop] = object_colour(item.object_id)
    return picture


def widest(result: FrameResult) -> int:
    """The width at which neither side of the frame's picture is over MAX_SIDE_PX."""
    frame = result.frame
    return max(1, min(MAX_SIDE_PX, MAX_SIDE_PX * frame.width_px // max(1, frame.height_px)))
