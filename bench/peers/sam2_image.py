"""SAM 2's image predictor, frame by frame: no memory, each frame prompted with the box of the last mask.

What people did with SAM 1. `set_image` and `predict` on the uint8 picture; it loses an object for good
wherever its last mask was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sam2.sam2_image_predictor import SAM2ImagePredictor

from bench.models import make_module
from bench.peers.contender import BoolMasks, Case
from streamtrack.model.build import resolve_device


class Sam2Image:
    """One image embedding a frame, one batched decoder call for all objects."""

    weights = ""

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load; the first boxes are those of the masks."""
        torch.set_num_threads(case.threads)
        module, self.weights = make_module(case.model, case.image_size)
        self._device = resolve_device(case.device)
        self._predictor = SAM2ImagePredictor(module.to(self._device))
        # The predictor knows the feature sizes of 1024 pixels only.
        side = case.image_size // 4
        self._predictor._bb_feat_sizes = [(side >> level, side >> level) for level in range(3)]
        self._bf16 = case.precision == "bf16"
        self._pictures = pictures
        self._boxes = np.zeros((len(masks), 4), np.float32)
        self._follow(masks)

    def step(self, index: int) -> BoolMasks:
        """Encode, decode every box, keep the new boxes."""
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            self._predictor.set_image(self._pictures[index])
            found, _, _ = self._predictor.predict(box=self._boxes, multimask_output=False)
        height, width = self._pictures[index].shape[:2]
        masks: BoolMasks = found.reshape(-1, height, width) > 0
        self._follow(masks)
        return masks

    def _follow(self, masks: BoolMasks) -> None:
        for number, mask in enumerate(masks):
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            if rows.size:  # else: the object is gone, the last place is all there is
                self._boxes[number] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1

    def prepare(self, index: int) -> None:
        """Nothing: `step` does it."""

    def masks(self, outcome: BoolMasks) -> BoolMasks:
        """As they are."""
        return outcome


CONTENDER = Sam2Image
