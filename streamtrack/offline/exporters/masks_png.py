"""masks/ID/FRAME.png: a picture a frame and object, white on the object."""

from __future__ import annotations

import cv2
import numpy as np

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.whole_writes import write_file

FOLDER = "masks"


class MaskPictures(Exporter):
    """Each PNG has the frame's size, one channel, 0 or 255."""

    name = "masks-png"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(f"{FOLDER}/{object_id:03d}" for object_id in object_ids)

    def __init__(self, run: Run) -> None:
        self._folder = run.folder

    def take(self, update: Update) -> None:
        if update.result is None:
            return
        for item in update.result.objects.values():
            written, data = cv2.imencode(".png", item.mask.astype(np.uint8) * 255)
            assert written, "OpenCV encodes every uint8 picture as PNG"
            name = f"{FOLDER}/{item.object_id:03d}/{update.result.frame_idx:05d}.png"
            write_file(self._folder.new_file(name), data.tobytes())
