"""masks.jsonl: a line a frame, boxes and masks as COCO writes them."""

from __future__ import annotations

import json
from typing import Any

from streamtrack.frame import FrameResult, ObjectMask, Update
from streamtrack.object_record import record_of
from streamtrack.offline.exporters.exporter import Exporter, Run
from streamtrack.offline.frame_names import FrameNames
from streamtrack.offline.object_rows import pts_seconds
from streamtrack.offline.whole_writes import LineFile
from streamtrack.publish.mask_codec import encode_rle

FILE = "masks.jsonl"


class MaskRunLengths(Exporter):
    """Boxes are x, y, width, height; masks are COCO's compressed run lengths."""

    name = "masks-rle"
    aliases = ("rle",)
    summary = f"{FILE}: a line a frame: COCO's run lengths, boxes and all fields of each object"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._names = run.names
        self._lines = LineFile(run.folder.new_file(FILE))

    def take(self, update: Update) -> None:
        if update.result is not None:
            record = frame_record(update.result, self._names)
            self._lines.append(json.dumps(record, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._lines.close()


def frame_record(result: FrameResult, names: FrameNames) -> dict[str, Any]:
    """One frame as JSON."""
    return {
        "frame_idx": result.frame_idx,
        "pts_seconds": pts_seconds(result),
        "file_name": names.file_name(result.frame_idx),
        "damaged": result.frame.damaged,
        "objects": [_object_record(item) for item in result.objects.values()],
    }


def _object_record(item: ObjectMask) -> dict[str, Any]:
    """The fields of an object, and COCO's: box, area, mask."""
    x0, y0, x1, y1 = item.box
    counts = encode_rle(item.crop, item.box, item.frame_size).decode("ascii")
    return {
        **record_of(item),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": item.area_px,
        "segmentation": {"size": list(item.frame_size), "counts": counts},
    }
