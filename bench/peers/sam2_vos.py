"""sam2's predictor with `vos_optimized=True`: its parts under torch.compile, made for CUDA."""

from __future__ import annotations

from typing import Any

import torch

from bench.peers.contender import Case, Refused
from bench.peers.sam2_video import Sam2Video
from streamtrack.weights.catalog import get_entry


class Sam2Vos(Sam2Video):
    """As `build_sam2_video_predictor(vos_optimized=True)` makes it."""

    predictor_class = "sam2.sam2_video_predictor.SAM2VideoPredictorVOS"

    def _load(self, case: Case) -> Any:
        if case.device != "cuda" or not torch.cuda.is_available():
            raise Refused("CUDA only")
        if get_entry(case.model).family == "nano":
            raise Refused("compiles Hiera's encoder only")
        return super()._load(case)


CONTENDER = Sam2Vos
