"""Everything that has an outline, as SAM makes automatic masks: points on a grid, each asked of a network.

Source: Segment Anything, arXiv:2304.02643, section 4 and appendix B.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.config import GridAutoprompt, ModelConfig
from streamtrack.detect.detector import Detection
from streamtrack.engine.preprocess import to_input
from streamtrack.engine.prompt_input import CheckedPrompt, scale_points
from streamtrack.frame import BoolMask, Image
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.interface import FrameFeatures, MaskPrediction

CLASS_NAME = "thing"
SAME_SHARE = 0.8
"""A mask of which so much lies in a surer one is a part of it, or the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One mask that passed."""

    score: float
    mask: BoolMask
    """(h, w) of the network's mask."""
    box: tuple[int, int, int, int]
    """In pixels of that mask, ends exclusive."""


class GridDetector:
    """Asks a network for the masks of many points; one thread at a time."""

    classes = (CLASS_NAME,)

    def __init__(self, model: LoadedModel, config: GridAutoprompt) -> None:
        self._model = model
        self._config = config

    @torch.inference_mode()
    def detect(self, image: Image) -> list[Detection]:
        """The outlined things of an (H, W, 3) uint8 RGB picture, surest first. A find's score is the
        network's estimate of its mask's IoU."""
        network, (height, width) = self._model.network, image.shape[:2]
        pieces: list[Piece] = []
        with self._model.autocast():
            features = network.encode(to_input(image, network.geometry.input_size, network.device))
            for x, y in grid_points(width, height, self._config.points_per_side):
                pieces += self._pieces(self._ask(features, x, y, (height, width)))
        kept = each_once(pieces, self._config.max_iou)
        rows, columns = network.geometry.low_res_size
        x, y = width / columns, height / rows
        boxes = [(one.box[0] * x, one.box[1] * y, one.box[2] * x, one.box[3] * y) for one in kept]
        return [Detection(CLASS_NAME, one.score, box) for one, box in zip(kept, boxes, strict=True)]

    def _ask(self, features: FrameFeatures, x: float, y: float, size: tuple[int, int]) -> MaskPrediction:
        network = self._model.network
        point, label = np.array([[x, y]], np.float32), np.ones(1, np.int32)
        prompt = CheckedPrompt(frame_size=size, coords=point, labels=label, mask=None)
        coords, labels = scale_points(prompt, network.geometry.input_size, network.device)
        return network.decode_points(features, None, coords, labels, None)

    def _pieces(self, prediction: MaskPrediction) -> Iterator[Piece]:
        """Those masks of one point that are sure, stable and of a fitting size."""
        config, offered = self._config, prediction.candidates
        logits = prediction.low_res_mask_logits if offered is None else offered.low_res_mask_logits
        scores = prediction.iou_scores if offered is None else offered.iou_scores
        stable = stability(logits.float(), config.stability_offset)
        for mask, score, steady in zip(
            (logits > 0).cpu().numpy(), scores.float().tolist(), stable.tolist(), strict=True
        ):
            fits = config.min_area <= mask.mean() <= config.max_area
            if fits and score >= config.min_quality and steady >= config.min_stability:
                yield Piece(min(1.0, score), mask, _box_of(mask))


def load_grid_detector(config: GridAutoprompt) -> GridDetector:
    """The shipped network on the processor, whatever model follows.

    Raises:
        CheckpointError: its weights are missing or damaged.
    """
    return GridDetector(load_model(ModelConfig(name="nano", device="cpu")), config)


def grid_points(width: int, height: int, per_side: int) -> list[tuple[float, float]]:
    """x, y of points in equal distances, `per_side` of them along the longer side, none on the edge."""
    step = max(width, height) / per_side
    columns, rows = max(1, round(width / step)), max(1, round(height / step))
    return [
        ((column + 0.5) * width / columns, (row + 0.5) * height / rows)
        for row in range(rows)
        for column in range(columns)
    ]


def stability(logits: Tensor, offset: float) -> Tensor:
    """(K,) IoU, 0 to 1, of each of K masks (K, h, w) cut higher and lower by an offset; 0 for none."""
    high, low = ((logits > bound).sum(dim=(1, 2)) for bound in (offset, -offset))
    return high / low.clamp(min=1)


def each_once(pieces: list[Piece], max_iou: float) -> list[Piece]:
    """Without those that overlap a surer one, or lie in it."""
    kept: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: -one.score):
        if not any(_same(piece.mask, other.mask, max_iou) for other in kept):
            kept.append(piece)
    return kept


def _same(first: BoolMask, second: BoolMask, max_iou: float) -> bool:
    both = int(np.count_nonzero(first & second))
    areas = int(np.count_nonzero(first)), int(np.count_nonzero(second))
    return both > max_iou * (sum(areas) - both) or both > SAME_SHARE * min(areas)


def _box_of(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
