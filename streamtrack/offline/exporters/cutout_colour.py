"""cutout.mp4: the objects alone on one colour, for keying."""

from __future__ import annotations

from streamtrack.frame import FrameResult
from streamtrack.offline.cutout_picture import cut_out_on
from streamtrack.offline.exporters.video import VideoExporter
from streamtrack.offline.video_file import Picture


class CutoutOnColour(VideoExporter):
    """What is not on an object has the colour of `--background`."""

    name = "cutout-colour"
    aliases = ("cutout-color", "background")
    file = "cutout.mp4"
    summary = f"{file}: H.264 of the objects on one colour (--background)"

    def draw(self, result: FrameResult) -> Picture:
        """The frame on the colour."""
        return cut_out_on(result, self._run.options.background)
