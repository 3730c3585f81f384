"""panels/FRAME.png: source, overlay and mask of each frame side by side."""

from __future__ import annotations

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.png_files import write_rgb

FOLDER = "panels"


class PanelPictures(Exporter):
    """Each panel is as large as the source, an odd row or column cut."""

    name = "panels-png"
    aliases = ("side-by-side-png",)
    summary = f"{FOLDER}/FRAME.png: source, overlay and mask side by side (--panels)"

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
            picture = self._run.pictures.panels(update.result, self._run.options.panels)
            write_rgb(self._run.folder, name, picture)
