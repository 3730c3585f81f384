"""masks/ID/FRAME.png: a picture a frame and object, white on the object."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.png_files import write_grey

FOLDER = "masks"


class MaskPictures(Exporter):
    """Each PNG has the frame's size, one channel, 0 or 255; black where the mask is empty."""

    name = "masks-png"
    aliases = ("masks",)
    summary = f"{FOLDER}/ID/FRAME.png: a mask a frame and object, 255 on it and 0 off it"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(f"{FOLDER}/{object_id:03d}" for object_id in object_ids)

    def __init__(self, run: Run) -> None:
        self._run = run

    def take(self, update: Update) -> None:
        if update.result is None:
            return
        frame_name = self._run.names.name(update.result.frame_idx)
        for item in update.result.objects.values():
            name = f"{FOLDER}/{item.object_id:03d}/{frame_name}.png"
            if not self._run.folder.keep(name):
                write_grey(self._run.folder, name, item.mask.view(np.uint8) * np.uint8(255))
