"""A tracked frame as supervision's Detections, for whoever has code for its zones, lines and annotators."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from streamtrack.coco import COCO_CLASSES
from streamtrack.errors import ConfigError
from streamtrack.frame import FrameResult
from streamtrack.rules.seen import is_seen

NO_CLASS = -1
"""`class_id` of an object whose label is no class of COCO's."""


def to_supervision(result: FrameResult) -> Any:
    """`supervision.Detections` of the objects that are seen on a frame.

    Returns:
        xyxy (n, 4) float32 in pixels; mask (n, H, W) bool; confidence (n,): the object score; tracker_id
        (n,): the object id; class_id (n,): COCO's number of the label, -1 for none; data: `label`, `state`
        and `class_name`, each (n,).
    Raises:
        ConfigError: supervision is not installed.
    """
    try:  # not a dependency: older ones bring OpenCV's GUI build
        supervision = importlib.import_module("supervision")
    except ImportError as error:
        raise ConfigError(
            "supervision is not installed, expected it: pip install 'streamtrack[supervision]'"
        ) from error
    items = [item for item in result.objects.values() if is_seen(item)]
    frame = result.frame
    if not items:
        empty = supervision.Detections.empty()
        empty.mask = np.zeros((0, frame.height_px, frame.width_px), np.bool_)
        empty.tracker_id = np.zeros(0, np.int64)
        return empty
    numbers = {name: number for number, name in enumerate(COCO_CLASSES)}
    classes = [numbers.get(item.label, NO_CLASS) for item in items]
    names = ["" if number == NO_CLASS else COCO_CLASSES[number] for number in classes]
    return supervision.Detections(
        xyxy=np.array([item.box for item in items], np.float32),
        mask=np.stack([item.mask for item in items]),
        confidence=np.array([item.object_score for item in items], np.float32),
        class_id=np.array(classes, np.int64),
        tracker_id=np.array([item.object_id for item in items], np.int64),
        data={
            "label": np.array([item.label for item in items]),
            "state": np.array([str(item.state) for item in items]),
            "class_name": np.array(names),
        },
    )
