"""A real network whose numbers can be spoilt: NaN or infinity, in one of its calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from streamtrack.model.interface import FrameFeatures, MaskPrediction, MemoryRead
from streamtrack.tracking import Tracker


class FaultyNetwork:
    """Passes every call on; what comes back from the calls named in `faults` is spoilt."""

    def __init__(self, network: Any, value: float = float("nan")) -> None:
        self._network = network
        self._value = value
        self.faults: set[str] = set()
        """Any of features, mask, score, iou, pointer, memory, prompt."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def encode(self, image: Tensor) -> FrameFeatures:
        features: FrameFeatures = self._network.encode(image)
        return features.like([self._spoil("features", part) for part in features.tensors()])

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        prediction, memory_features = self._network.follow(features, memory)
        prediction = replace(
            prediction,
            low_res_mask_logits=self._spoil("mask", prediction.low_res_mask_logits),
            object_score_logits=self._spoil("score", prediction.object_score_logits),
            iou_scores=self._spoil("iou", prediction.iou_scores),
            object_pointers=self._spoil("pointer", prediction.object_pointers),
        )
        return prediction, self._spoil("memory", memory_features)

    def decode_points(self, *args: Any) -> MaskPrediction:
        prediction: MaskPrediction = self._network.decode_points(*args)
        return replace(prediction, low_res_mask_logits=self._spoil("prompt", prediction.low_res_mask_logits))

    def _spoil(self, what: str, tensor: Tensor) -> Tensor:
        if what not in self.faults:
            return tensor
        spoilt = tensor.clone()
        spoilt[-1:].fill_(self._value)  # the last of the batch
        return spoilt


def make_faulty(tracker: Tracker, value: float = float("nan")) -> tuple[Tracker, FaultyNetwork]:
    """A tracker that shares another one's weights, and its network to be spoilt."""
    network = FaultyNetwork(tracker._model.network, value)
    return Tracker(replace(tracker._model, network=network)), network
