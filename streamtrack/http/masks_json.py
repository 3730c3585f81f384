"""A frame's masks for those who have only HTTP: COCO's run lengths in JSON, label maps as PNG. Pure."""

from __future__ import annotations

from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import FrameResult, ObjectMask
from streamtrack.object_record import record_of
from streamtrack.publish.mask_codec import encode_rle
from streamtrack.publish.taps import NewestMasks

MAX_BYTE, MAX_SHORT = 255, 65_535


def masks_json(newest: NewestMasks, *, masks: bool = True) -> str:
    """One frame as JSON.

    Args:
        masks: False leaves the run lengths out: boxes and states remain.
    """
    return msgspec.json.encode(masks_values(newest, masks=masks)).decode()


def masks_values(newest: NewestMasks, *, masks: bool = True) -> dict[str, Any]:
    """One frame as plain values."""
    frame, times = newest.result.frame, newest.result.times
    return {
        "stream": newest.stream,
        "version": newest.version,
        "frame_idx": newest.result.frame_idx,
        "pts": frame.pts,
        "time_base": [frame.time_base.numerator, frame.time_base.denominator],
        "capture_ns": frame.capture_wall_ns,
        "capture_monotonic_ns": frame.capture_monotonic_ns,
        "track_end_monotonic_ns": times.track_end_ns,
        "frame_size": [frame.height_px, frame.width_px],
        "model": newest.model,
        "objects": [_object(item, masks=masks) for item in newest.result.objects.values()],
    }


def _object(item: ObjectMask, *, masks: bool) -> dict[str, Any]:
    x0, y0, x1, y1 = item.box
    told = {**record_of(item), "bbox": [x0, y0, x1 - x0, y1 - y0], "area": item.area_px}
    if masks:
        counts = encode_rle(item.crop, item.box, item.frame_size).decode("ascii")
        told["segmentation"] = {"size": list(item.frame_size), "counts": counts}
    return told


def label_map(result: FrameResult) -> tuple[bytes, dict[int, int]]:
    """A PNG of the frame's size, 0 off all objects, and which value means which object.

    A value is the object's id where all ids are from 1 to 65,535, else its place from 1 on. 8 bits where all
    values fit, else 16. Where masks overlap the lowest id lies on top, as `--export indexed` has it.
    """
    ids = sorted(result.objects)
    fits = not ids or (ids[0] >= 1 and ids[-1] <= MAX_SHORT)
    values = {object_id: object_id if fits else place for place, object_id in enumerate(ids, 1)}
    deep = max(values.values(), default=0) > MAX_BYTE
    labels: NDArray[Any] = np.zeros(
        (result.frame.height_px, result.frame.width_px), np.uint16 if deep else np.uint8
    )
    for object_id in reversed(ids):
        item = result.objects[object_id]
        x0, y0, x1, y1 = item.box
        labels[y0:y1, x0:x1][item.crop] = values[object_id]
    return _png(labels), {value: object_id for object_id, value in values.items()}


def mask_png(item: ObjectMask) -> bytes:
    """A PNG of the frame's size: 255 on the object, 0 off it."""
    return _png(item.mask.view(np.uint8) * np.uint8(255))


def _png(picture: NDArray[Any]) -> bytes:
    fits, data = cv2.imencode(".png", picture)
    assert fits, "PNG takes every such picture"
    return data.tobytes()
