"""masks.jsonl: a line a frame, boxes and masks as COCO writes them."""

from __future__ import annotations

import json
from typing import Any

from streamtrack.frame import FrameResult, ObjectMask, Update
from streamtrack.object_record import record_of
from streamtrack.offline.exporters.exporter import Exporter, Run, pts_seconds
from streamtrack.offline.whole_writes import LineFile
from streamtrack.publish.mask_codec import encode_rle

FILE = "masks.jsonl"


class MaskRunLengths(Exporter):
    """Boxes are x, y, width, height; masks are COCO's compressed run lengths."""

    name = "masks-rle"

    @classmethod
    def outputs(cls, object_ids: tuple[int, ...]) -> tuple[str, ...]:
        return (FILE,)

    def __init__(self, run: Run) -> None:
        self._lines = LineFile(run.folder.new_file(FILE))

    def take(self, update: Update) -> None:
        if update.result is not None:
            self._lines.append(json.dumps(frame_record(update.result), separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._lines.close()


def frame_record(result: FrameResult) -> dict[str, Any]:
    """One frame as JSON."""
    return {
        "frame_idx": result.frame_idx,
        "pts_seconds": pts_seconds(result),
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
