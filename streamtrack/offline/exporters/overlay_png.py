"""overlay/FRAME.png: each frame with masks, outlines and labels drawn on it."""

from __future__ import annotations

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.png_files import write_rgb

FOLDER = "overlay"


class OverlayPictures(Exporter):
    """As large as the source, an odd row or column cut."""

    name = "overlay-png"
    summary = f"{FOLDER}/FRAME.png: the frame with masks, outlines and labels drawn on it"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FOLDER,)

    def __init__(self, run: Run) -> None:
        self._run = run

    def take(self, update: Update) -> None:
        if update.result is None:
            return
        name = f"{FOLDER}/{self._run.names.name(update.result.frame_idx)}.png"
        if not self._run.folder.keep(name):
            write_rgb(self._run.folder, name, self._run.pictures.overlay(update.result))
