"""panels.mp4: source, overlay and mask side by side."""

from __future__ import annotations

from streamtrack.frame import FrameResult
from streamtrack.offline.exporters.video import VideoExporter
from streamtrack.offline.frame_pictures import MAX_PANELS_WIDTH_PX
from streamtrack.offline.video_file import Picture


class Panels(VideoExporter):
    """Panels of one size, scaled down where all of them would be wider than MAX_PANELS_WIDTH_PX."""

    name = "panels"
    aliases = ("side-by-side",)
    file = "panels.mp4"
    summary = f"{file}: source, overlay and mask side by side (--panels), the source's times and sound"

    def draw(self, result: FrameResult) -> Picture:
        """The frame's panels."""
        return self._run.pictures.panels(result, self._run.options.panels, MAX_PANELS_WIDTH_PX)
