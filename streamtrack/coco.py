"""The 80 classes of COCO's detection task, in the order in which detectors number them."""

from __future__ import annotations

import difflib

COCO_CLASSES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    *("traffic light", "fire hydrant", "stop sign", "parking meter", "bench"),
    *("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    *("backpack", "umbrella", "handbag", "tie", "suitcase"),
    *("frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove"),
    *("skateboard", "surfboard", "tennis racket"),
    *("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"),
    *("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"),
    *("chair", "couch", "potted plant", "bed", "dining table", "toilet"),
    *("tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator"),
    *("book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"),
)


def describe_unknown_class(name: str) -> str:
    """Why a name is no class, with the one that was probably meant; what is like none is not repeated."""
    close = difflib.get_close_matches(name.strip().lower(), COCO_CLASSES, n=1, cutoff=0.6)
    meant = f"did you mean {close[0]}?" if close else "expected one of COCO's 80, such as person, car, dog"
    shown = repr(name) if close else f"text of {len(name)} characters"
    return f"{shown} is no class that the detector knows, {meant}"
