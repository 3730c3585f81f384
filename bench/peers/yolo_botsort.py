"""Detect and associate: YOLO11n-seg on every frame, BoT-SORT from frame to frame (ultralytics).

Its weights are a download; without them it runs on seeded random ones, which find nothing, so that
association costs nothing: its time is then a lower bound. It follows classes that it was trained on, not
what was clicked, so its masks are not compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.models import SEED
from bench.peers.contender import BoolMasks, Case, Refused

WEIGHTS_ENV = "STREAMTRACK_YOLO_WEIGHTS"
"""Names a yolo11n-seg.pt, where there is one."""


class YoloBotSort:
    """`YOLO.track(persist=True)`, the picture's longer side at the case's size."""

    weights = "random"

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load."""
        os.environ["YOLO_AUTOINSTALL"] = "false"
        from ultralytics import YOLO

        if case.precision != "fp32":
            raise Refused(f"no {case.precision} here")
        torch.set_num_threads(case.threads)
        torch.manual_seed(SEED)
        file = os.environ.get(WEIGHTS_ENV)
        self.weights = "checkpoint" if file else "random"
        self._model = YOLO(file or "yolo11n-seg.yaml", task="segment", verbose=False)
        self._case, self._pictures = case, pictures

    def step(self, index: int) -> Any:
        """Detect and associate; BGR, as ultralytics reads arrays."""
        (result,) = self._model.track(
            self._pictures[index][..., ::-1],
            persist=True,
            tracker="botsort.yaml",
            verbose=False,
            imgsz=self._case.image_size,
            device=self._case.device,
        )
        return result if result.masks is None else result.cpu()

    def prepare(self, index: int) -> None:
        """Nothing: `step` does it."""

    def masks(self, outcome: Any) -> BoolMasks:
        """Whatever it saw, at the frame's size."""
        height, width = self._pictures[0].shape[:2]
        if outcome.masks is None:
            return np.zeros((0, height, width), np.bool_)
        return np.asarray(outcome.masks.data.numpy() > 0)


CONTENDER = YoloBotSort
