"""Masks, boxes and pictures as COCO's JSON has them."""

from __future__ import annotations

from typing import Any

from streamtrack.frame import FrameResult, ObjectMask
from streamtrack.object_record import SCORE_DIGITS, record_of
from streamtrack.offline.frame_names import FrameNames
from streamtrack.publish.mask_codec import encode_rle

PICTURE_SUFFIX = ".jpg"
"""Of a film's frames, which are no files: what whoever unpacks them would call them, and YOLO's images."""
INFO = {"description": "masks tracked by streamtrack"}


def segmentation(item: ObjectMask) -> dict[str, Any]:
    """The compressed run lengths of a mask, which may be empty."""
    counts = encode_rle(item.crop, item.box, item.frame_size).decode("ascii")
    return {"size": list(item.frame_size), "counts": counts}


def coco_box(item: ObjectMask) -> list[int]:
    """x, y, width, height in pixels; all 0 where the mask is empty."""
    x0, y0, x1, y1 = item.box
    return [x0, y0, x1 - x0, y1 - y0]


def scores(item: ObjectMask) -> dict[str, Any]:
    """What COCO has no name for: state and scores."""
    record = record_of(item)
    return {
        "state": record["state"],
        "object_score": round(record["object_score"], SCORE_DIGITS),
        "iou_score": round(record["iou_score"], SCORE_DIGITS),
    }


def picture_name(result: FrameResult, names: FrameNames) -> str:
    """The source's picture, or what a film's frame would be called."""
    return names.file_name(result.frame_idx) or names.name(result.frame_idx) + PICTURE_SUFFIX
