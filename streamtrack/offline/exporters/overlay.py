"""overlay.mp4: the recording with masks, outlines and labels drawn on it."""

from __future__ import annotations

from streamtrack.frame import Frame, Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.overlay_video import OverlayVideo
from streamtrack.video.draw import annotate

FILE = "overlay.mp4"
MAX_SIDE_PX = 16_384
"""What x264 takes. Larger frames are drawn smaller."""


class Overlay(Exporter):
    """The annotated video, as large as the source."""

    name = "overlay"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._annotate = run.annotate
        self._video = OverlayVideo(run.folder.new_file(FILE), run.fps)

    def take(self, update: Update) -> None:
        if update.result is not None:
            frame = update.result.frame
            config = self._annotate.model_copy(update={"max_width_px": widest(frame)})
            self._video.write(annotate(update.result, config), frame)

    def close(self) -> None:
        self._video.close()

    def notes(self) -> tuple[str, ...]:
        count = self._video.num_shortened_gaps
        return (f"{count} long gaps shortened in {FILE}",) if count else ()


def widest(frame: Frame) -> int:
    """The width at which neither side of the frame's picture is over MAX_SIDE_PX."""
    return max(1, min(MAX_SIDE_PX, MAX_SIDE_PX * frame.width_px // max(1, frame.height_px)))
