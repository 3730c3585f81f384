"""The detector that ships with streamtrack: COCO's 80 classes, 4 MB, on the processor."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.coco import COCO_CLASSES
from streamtrack.detect.boxes import Box, box_iou
from streamtrack.detect.centernet import STRIDE, CenterNet
from streamtrack.detect.detector import Detection
from streamtrack.frame import Image
from streamtrack.model.weights_file import load_strict, read_weights
from streamtrack.weights.catalog import DETECTOR, require_checkpoint

MAX_DETECTIONS = 50
"""Peaks looked at; a picture rarely shows more objects that are sure."""
SAME_OBJECT_IOU = 0.5
"""Boxes of one class that overlap more than this are one object, found twice."""
LOWEST_SCORE = 0.3
"""Below this most finds are wrong; whoever asks for more certainty filters further."""


class CocoDetector:
    """CenterNet with its weights. Any thread may call `detect`; it runs on the processor, also beside a GPU:
    a few pictures a second are enough to start tracks, and the GPU is the tracker's."""

    def __init__(self, network: CenterNet, lowest_score: float = LOWEST_SCORE) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._lowest_score = lowest_score

    @torch.inference_mode()
    def detect(self, image: Image) -> list[Detection]:
        """Find objects in an (H, W, 3) uint8 RGB picture, surest first."""
        square, scale = _fit(image, DETECTOR.image_size)
        scores, sides = self._network(square)
        found: list[Detection] = []
        for score, class_index, box in _peaks(scores[0], sides[0]):
            if score < self._lowest_score:
                break
            name, placed = COCO_CLASSES[class_index], _place(box, scale, image)
            twice = any(
                other.class_name == name and box_iou(other.box, placed) > SAME_OBJECT_IOU for other in found
            )
            if not twice and placed[0] < placed[2] and placed[1] < placed[3]:
                found.append(Detection(name, score, placed))
        return found


def load_detector(lowest_score: float = LOWEST_SCORE) -> CocoDetector:
    """The shipped detector, read from its checkpoint.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = require_checkpoint(DETECTOR)
    network = CenterNet()
    load_strict(network, read_weights(path), path, DETECTOR.name)
    return CocoDetector(network, lowest_score)


def _fit(image: Image, side: int) -> tuple[Tensor, float]:
    """(1, 3, S, S) of 0 to 1 with the picture scaled into its top left, the rest black; and the scale."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 255, scale


def _peaks(scores: Tensor, sides: Tensor) -> list[tuple[float, int, Box]]:
    """Score, class and box, in pixels of the square, of the highest local maxima of (80, H, W) heat maps."""
    _, height, width = scores.shape
    summits = scores * (F.max_pool2d(scores[None], 3, 1, 1)[0] == scores)
    values, places = summits.flatten().topk(MAX_DETECTIONS)
    peaks = []
    for score, place in zip(values.tolist(), places.tolist(), strict=True):
        class_index, cell = divmod(place, height * width)
        row, column = divmod(cell, width)
        left, top, right, bottom = sides[:, row, column].tolist()
        x, y = column * STRIDE, row * STRIDE
        peaks.append((score, class_index, (x - left, y - top, x + right, y + bottom)))
    return peaks


def _place(box: Box, scale: float, image: Image) -> Box:
    """A box of the square in pixels of the picture, cut at its edges."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (value / scale for value in box)
    return (max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1))
