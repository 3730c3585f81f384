"""masks.npz: all masks as arrays, one a frame."""

from __future__ import annotations

import numpy as np

from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.npz_file import FrameArrays

FILE = "masks.npz"


class MaskArrays(Exporter):
    """`numpy.load("masks.npz")["frame_00012"]` is (N, H, W) bool; all False where a mask is empty."""

    name = "npz"
    aliases = ("npz-masks",)
    summary = f"{FILE}: frame_00012 and so on, (objects, height, width) bool; object_ids, pts_seconds, labels"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._names = run.names
        self._arrays = FrameArrays(run.folder.new_file(FILE), run.object_ids)

    def take(self, update: Update) -> None:
        result = update.result
        if result is None:
            return
        row_ids = self._arrays.row_ids(result)
        masks = np.zeros((len(row_ids), result.frame.height_px, result.frame.width_px), np.bool_)
        for row, object_id in zip(masks, row_ids, strict=True):
            if (item := result.objects.get(object_id)) is not None:
                x0, y0, x1, y1 = item.box
                row[y0:y1, x0:x1] = item.crop
        self._arrays.append(result, self._names, masks)

    def close(self) -> None:
        self._arrays.close()
