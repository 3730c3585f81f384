"""indexed/FRAME.png: a picture a frame, each pixel the id of its object, as DAVIS has its annotations."""

from __future__ import annotations

from functools import cache

import numpy as np

from streamtrack.errors import PublishError
from streamtrack.frame import FrameResult, Update
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.png_files import write_grey, write_indexed

FOLDER = "indexed"
MAX_PALETTE_ID, MAX_ID = 255, 65_535


class IndexedPictures(Exporter):
    """0 is the background; where masks overlap the lowest id lies on top, as in SAM 2's own tool.

    A frame with an id above 255 has no palette: it is a grey picture of 16 bits.
    """

    name = "indexed"
    aliases = ("indexed-png", "davis")
    summary = f"{FOLDER}/FRAME.png: ids as pixels in DAVIS's palette, 0 off all objects; the lowest id on top"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FOLDER,)

    @classmethod
    def check(cls, run: Run) -> None:
        for object_id in run.object_ids:
            _check_id(object_id)

    def __init__(self, run: Run) -> None:
        self._run = run
        self._num_deep = 0

    def take(self, update: Update) -> None:
        if update.result is None:
            return
        name = f"{FOLDER}/{self._run.names.name(update.result.frame_idx)}.png"
        is_deep = max(update.result.objects, default=0) > MAX_PALETTE_ID
        self._num_deep += is_deep
        if self._run.folder.keep(name):
            return
        labels = draw_ids(update.result)
        if is_deep:
            write_grey(self._run.folder, name, labels)
        else:
            write_indexed(self._run.folder, name, labels.astype(np.uint8), davis_palette())

    def notes(self) -> tuple[str, ...]:
        if not self._num_deep:
            return ()
        return (f"{self._num_deep} pictures in {FOLDER}/ of 16 bits and no palette (ids above 255)",)


def draw_ids(result: FrameResult) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    """(H, W) uint16: the id of each pixel's object, the lowest where several overlap.

    Raises:
        PublishError: an id does not fit.
    """
    labels = np.zeros((result.frame.height_px, result.frame.width_px), np.uint16)
    for item in sorted(result.objects.values(), key=lambda item: item.object_id, reverse=True):
        _check_id(item.object_id)
        x0, y0, x1, y1 = item.box
        labels[y0:y1, x0:x1][item.crop] = item.object_id
    return labels


@cache
def davis_palette() -> bytes:
    """R, G, B of 256 numbers, as DAVIS and PASCAL VOC have them: the bits of a number, dealt in turn to red,
    green and blue from the highest bit down."""
    colours = np.zeros((256, 3), np.uint8)
    numbers = np.arange(256)
    for place in range(8):
        for channel in range(3):
            colours[:, channel] |= (((numbers >> (3 * place + channel)) & 1) << (7 - place)).astype(np.uint8)
    return colours.tobytes()


def _check_id(object_id: int) -> None:
    if not 1 <= object_id <= MAX_ID:
        raise PublishError(
            f"--export indexed: object {object_id} cannot be a pixel, expected ids from 1 to {MAX_ID}"
        )
