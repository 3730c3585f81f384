"""logits.npz: the network's mask logits before they become masks, one array a frame."""

from __future__ import annotations

import numpy as np

from streamtrack.errors import PublishError
from streamtrack.frame import Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.npz_file import FrameArrays

FILE = "logits.npz"


class LogitArrays(Exporter):
    """`frame_00012` is (N, h, w) float32 at the network's size, above 0 on the object; NaN where an object
    is not there."""

    name = "npz-logits"
    aliases = ("logits",)
    summary = f"{FILE}: frame_00012 and so on, (objects, h, w) float32 at the network's size, above 0 on it"
    needs_logits = True

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._names = run.names
        self._arrays = FrameArrays(run.folder.new_file(FILE), run.object_ids)
        self._shape: tuple[int, ...] = (0, 0)

    def take(self, update: Update) -> None:
        result = update.result
        if result is None:
            return
        # One frame's numbers may not be finite, and are then left out; all frames' are no accident.
        if result.logits is None and result.objects and self._shape == (0, 0):
            raise PublishError(
                "--export npz-logits: a run with key frames keeps no logits, expected --preset quality"
            )
        found = result.logits or {}
        row_ids = self._arrays.row_ids(result)
        self._shape = next((one.shape for one in found.values()), self._shape)
        logits = np.full((len(row_ids), *self._shape), np.nan, np.float32)
        for row, object_id in zip(logits, row_ids, strict=True):
            if object_id in found:
                row[:] = found[object_id]
        self._arrays.append(result, self._names, logits)

    def close(self) -> None:
        self._arrays.close()
