"""Cutie (arXiv:2310.12982): `InferenceCore.step`, from the uint8 picture to bool masks.

Its weights are a download that its package leaves to the user; without them it runs on seeded random ones,
which cost the same time and the same memory. The picture's shorter side is that of the case, at most the
picture's own: Cutie reads any size.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from bench.models import SEED
from bench.peers.contender import BoolMasks, Case
from streamtrack.model.build import resolve_device

WEIGHTS_ENV = "STREAMTRACK_CUTIE_WEIGHTS"
"""Names a cutie-base-mega.pth, where there is one."""


class Cutie:
    """cutie-base with its evaluation settings (memory every 5 frames, 5 of them kept)."""

    weights = "random"

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load; the masks go in with the first frame."""
        import cutie.config
        from cutie.inference.inference_core import InferenceCore
        from cutie.inference.utils.args_utils import get_dataset_cfg
        from cutie.model.cutie import CUTIE
        from hydra import compose, initialize_config_dir
        from hydra.core.global_hydra import GlobalHydra

        torch.set_num_threads(case.threads)
        self._case, self._pictures = case, pictures
        self._device = resolve_device(case.device)
        folder = str(Path(next(iter(cutie.config.__path__))).resolve())
        GlobalHydra.instance().clear()  # importing sam2 took it for itself
        with initialize_config_dir(version_base="1.3.2", config_dir=folder, job_name="bench"):
            config = compose("eval_config", overrides=["dataset=d17-val"])
        get_dataset_cfg(config)
        torch.manual_seed(SEED)
        # Its constructor fetches an ImageNet backbone that its own weights replace.
        with (
            mock.patch("cutie.model.utils.resnet.load_weights_add_extra_dim"),
            mock.patch("cutie.model.utils.resnet.model_zoo.load_url"),
        ):
            network = CUTIE(config).eval()
        file = os.environ.get(WEIGHTS_ENV)
        if file:
            network.load_weights(torch.load(file, map_location="cpu", weights_only=True))
            self.weights = "checkpoint"
        self._core = InferenceCore(network.to(self._device), cfg=config)
        self._first = torch.from_numpy(masks)
        height, width = pictures[0].shape[:2]
        scale = min(1.0, case.image_size / min(height, width))
        self._inner = (round(height * scale), round(width * scale))
        self._outer = (height, width)

    def step(self, index: int) -> BoolMasks:
        """Scale, track, scale the masks back."""
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._case.precision == "bf16"),
        ):
            image = torch.from_numpy(self._pictures[index]).to(self._device).permute(2, 0, 1).float() / 255
            if self._inner != self._outer:
                image = F.interpolate(image[None], self._inner, mode="bilinear", antialias=True)[0]
            if index == 0:
                masks = F.interpolate(self._first[None].float(), self._inner)[0].to(self._device)
                found = self._core.step(image, masks, idx_mask=False)
            else:
                found = self._core.step(image)
            if self._inner != self._outer:
                found = F.interpolate(found[None], self._outer, mode="bilinear")[0]
            winner = found.argmax(dim=0)
            numbers = torch.arange(1, found.shape[0], device=winner.device)[:, None, None]
            return np.asarray((winner[None] == numbers).cpu().numpy())

    def prepare(self, index: int) -> None:
        """Nothing: `step` does it."""

    def masks(self, outcome: BoolMasks) -> BoolMasks:
        """As they are."""
        return outcome


CONTENDER = Cutie
