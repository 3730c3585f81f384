"""sam2's own SAM2VideoPredictor: one frame of `propagate_in_video`, from a preloaded tensor to bool masks.

It wants the whole video first. Its frames are given as the tensors that our network sees, so that masks can
be compared; what its loader does to a decoded frame (PIL resize, divide, normalise) is timed apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.models import make_module
from bench.peers.contender import BoolMasks, Case
from streamtrack.engine.preprocess import to_input
from streamtrack.model.build import resolve_device
from streamtrack.model.sam2.network import IMAGE_MEAN, IMAGE_STD

PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"


class Sam2Video:
    """The predictor as `build_sam2_video_predictor` makes it, fed with tensors."""

    weights = ""
    predictor_class = PREDICTOR

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load, be given every frame, and prompt."""
        torch.set_num_threads(case.threads)
        self._case, self._pictures = case, pictures
        self._device = resolve_device(case.device)
        self._mean = torch.tensor(IMAGE_MEAN)[:, None, None]
        self._std = torch.tensor(IMAGE_STD)[:, None, None]
        self._predictor = self._load(case).to(self._device)
        images = torch.empty(len(pictures), 3, case.image_size, case.image_size)
        for index, picture in enumerate(pictures):
            square = to_input(picture, (case.image_size, case.image_size), torch.device("cpu"))[0].float()
            images[index] = (square / 255 - self._mean) / self._std
        loaded = (images.to(self._device), *pictures[0].shape[:2])
        with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
            state = self._predictor.init_state("frames are given")
        for object_id, mask in enumerate(masks):
            self._predictor.add_new_mask(state, 0, object_id, torch.from_numpy(mask))
        self._outputs: Iterator[Any] = self._predictor.propagate_in_video(state)

    def _load(self, case: Case) -> Any:
        options: dict[str, Any] = {"fill_hole_area": 0, "add_all_frames_to_correct_as_cond": True}
        module, _, name = self.predictor_class.rpartition(".")
        options["cls"] = getattr(__import__(module, fromlist=[name]), name)
        predictor, self.weights = make_module(case.model, case.image_size, **options)
        return predictor

    def step(self, index: int) -> BoolMasks:
        """The next frame's masks at the video's size."""
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._case.precision == "bf16"),
        ):
            _, _, logits = next(self._outputs)
            masks: BoolMasks = (logits[:, 0] > 0).cpu().numpy()
        return masks

    def prepare(self, index: int) -> None:
        """What `load_video_frames` does to a decoded frame (sam2/utils/misc.py)."""
        size = self._case.image_size
        resized = np.array(Image.fromarray(self._pictures[index]).resize((size, size))) / 255.0
        image = torch.from_numpy(resized).permute(2, 0, 1).float()
        image -= self._mean
        image /= self._std

    def masks(self, outcome: BoolMasks) -> BoolMasks:
        """As they are."""
        return outcome


CONTENDER = Sam2Video
