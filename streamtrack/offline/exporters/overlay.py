"""overlay.mp4: the recording with masks, outlines and labels drawn on it, and its sound."""

from __future__ import annotations

from streamtrack.frame import FrameResult
from streamtrack.offline.exporters.video import VideoExporter
from streamtrack.offline.video_file import Picture


class Overlay(VideoExporter):
    """The annotated video, as large as the source."""

    name = "overlay"
    file = "overlay.mp4"
    summary = f"{file}: H.264 with masks, outlines and labels, the source's times and sound"

    def draw(self, result: FrameResult) -> Picture:
        """The frame's overlay."""
        return self._run.pictures.overlay(result)
