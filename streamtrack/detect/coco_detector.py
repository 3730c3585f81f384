"""The detector that ships with streamtrack: YOLOX-nano, COCO's 80 classes, 4 MB, on the processor.

Source: YOLOX, arXiv:2107.08430. `checkpoints/README.md` tells where the weights come from.
"""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.coco import COCO_CLASSES
from streamtrack.detect.detector import Detection
from streamtrack.errors import CheckpointError
from streamtrack.frame import Image
from streamtrack.weights.catalog import DETECTOR, require_checkpoint

STRIDES = (8, 16, 32)
"""Pixels of the input for one cell of each of its three grids, as their rows follow in the output."""
GREY = 114
"""What is beside the picture where its size is no multiple of the largest stride; so it was trained."""
SAME_OBJECT_IOU = 0.5
"""Boxes of one class that overlap more than this are one object, found twice."""
LOWEST_SCORE = 0.3
"""Below this most finds are wrong; whoever asks for more certainty filters further."""
MAX_DETECTIONS = 100
"""Of one picture, the surest."""

Numbers = NDArray[np.float32]


class CocoDetector:
    """YOLOX-nano with its weights. Any thread may call `detect`, one at a time goes on; it runs on the
    processor, also beside a GPU: a few pictures a second are enough, and the GPU is the tracker's."""

    classes = COCO_CLASSES

    def __init__(
        self,
        network: cv2.dnn.Net,
        lowest_score: float = LOWEST_SCORE,
        image_size: int = DETECTOR.image_size,
    ) -> None:
        """`image_size`: the longer side of what the network sees, in pixels, a multiple of 32."""
        self._network = network
        self._lowest_score = lowest_score
        self._image_size = image_size
        self._one_at_a_time = threading.Lock()

    def detect(self, image: Image) -> list[Detection]:
        """Find objects in an (H, W, 3) uint8 RGB picture, surest first."""
        picture, scale = _fit(image, self._image_size)
        with self._one_at_a_time:
            self._network.setInput(picture)
            output = np.asarray(self._network.forward()[0], np.float32)
        boxes, scores = _decode(output, picture.shape[2:])
        rows, classes = np.nonzero(scores >= self._lowest_score)
        height, width = image.shape[:2]
        placed = (boxes[rows] / scale).clip(0, (width, height, width, height))
        certain = scores[rows, classes]
        found = [
            Detection(COCO_CLASSES[classes[index]], float(certain[index]), _as_box(placed[index]))
            for index in _each_once(placed, certain, classes, self._lowest_score)
        ]
        return [one for one in found if one.box[0] < one.box[2] and one.box[1] < one.box[3]]


def load_detector(lowest_score: float = LOWEST_SCORE, image_size: int = DETECTOR.image_size) -> CocoDetector:
    """The shipped detector, read from its checkpoint.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = require_checkpoint(DETECTOR)
    try:
        network = cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise CheckpointError(f"{path}: OpenCV cannot read it ({_first_line(error)})") from error
    return CocoDetector(network, lowest_score, image_size)


def _fit(image: Image, side: int) -> tuple[Numbers, float]:
    """(1, 3, h, w) BGR of 0 to 255 with the picture in its top left, no larger than it must be; the scale."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    down = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    step = STRIDES[-1]
    canvas = np.full((-(-size[1] // step) * step, -(-size[0] // step) * step, 3), GREY, np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(image, size, interpolation=down)
    planes = np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1), np.float32)
    return planes[None], scale


def _decode(output: Numbers, size: tuple[int, ...]) -> tuple[Numbers, Numbers]:
    """Boxes (N, 4) in pixels of the input and scores (N, 80), from the (N, 85) of an input of h, w pixels."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    stride_of = np.concatenate(strides).astype(np.float32)
    centres = (output[:, :2] + np.concatenate(cells)) * stride_of
    halves = np.exp(output[:, 2:4]) * stride_of / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    return boxes.astype(np.float32), output[:, 4:5] * output[:, 5:]


def _each_once(boxes: Numbers, scores: Numbers, classes: NDArray[np.intp], lowest_score: float) -> list[int]:
    """Rows of those finds that are no second one of their class, surest first."""
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    if len(boxes) == 0:
        return []
    kept = cv2.dnn.NMSBoxesBatched(
        corner_and_size.tolist(), scores.tolist(), classes.tolist(), lowest_score, SAME_OBJECT_IOU
    )
    rows = [int(row) for row in np.asarray(kept).ravel()]
    return sorted(rows, key=lambda row: -float(scores[row]))[:MAX_DETECTIONS]


def _as_box(numbers: Numbers) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, numbers)
    return x0, y0, x1, y1


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
