"""cutout.webm or cutout.mov: the objects alone, everything else transparent."""

from __future__ import annotations

from streamtrack.frame import FrameResult
from streamtrack.offline.cutout_picture import cut_out
from streamtrack.offline.exporters.exporter import Run
from streamtrack.offline.exporters.video import VideoExporter
from streamtrack.offline.video_file import Picture
from streamtrack.offline.video_format import MOV_ALPHA, WEBM_ALPHA

FORMATS = {"webm": WEBM_ALPHA, "mov": MOV_ALPHA}


class Cutout(VideoExporter):
    """Opaque on any object. Colours far from all objects are not in the file."""

    name = "cutout"
    aliases = ("cutout-alpha",)
    file = "cutout.webm"
    summary = "cutout.webm (VP9) or cutout.mov (ProRes 4444, --cutout mov): the objects on transparency"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(f"cutout.{suffix}" for suffix in FORMATS)

    def __init__(self, run: Run) -> None:
        suffix = run.options.cutout_format
        self._open(run, f"cutout.{suffix}", FORMATS[suffix])

    def draw(self, result: FrameResult) -> Picture:
        """The frame with its alpha."""
        return cut_out(result)
