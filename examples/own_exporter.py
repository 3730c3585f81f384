"""How do I write a recording's masks in a format of my own? Here: YOLO's polygons, a text file a frame.

PYTHONPATH=examples streamtrack track clip.mp4 --point 210,350 --export own_exporter:YoloPolygons
"""

import cv2
import numpy as np

from streamtrack.frame import Update
from streamtrack.offline import Exporter, Run

FOLDER = "yolo"


class YoloPolygons(Exporter):
    """yolo/FRAME.txt: object id, then x y of its outline as shares of the picture; a line a part."""

    name = "yolo"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        """What `--overwrite` may remove of an earlier run."""
        return (FOLDER,)

    def __init__(self, run: Run) -> None:
        self.run = run

    def take(self, update: Update) -> None:
        """Called once a frame, in order; a full disk ends the run in one line."""
        if update.result is None:
            return
        lines = []
        for object_id, found in update.result.objects.items():
            height, width = found.frame_size
            parts, _ = cv2.findContours(found.crop.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            for part in parts:
                shares = (part[:, 0] + found.box[:2]) / (width, height)
                lines.append(f"{object_id} {' '.join(f'{share:.6f}' for share in shares.ravel())}\n")
        path = self.run.folder.new_file(f"{FOLDER}/{update.result.frame_idx:06d}.txt")
        path.write_text("".join(lines), encoding="utf-8")
