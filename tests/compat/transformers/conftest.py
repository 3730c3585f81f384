"""A tiny model twice: transformers' own, and ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from torch import Tensor

from streamtrack.compat.transformers import Sam2VideoModel, Sam2VideoProcessor
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.weights.catalog import get_entry
from tests.support.hub_model import SIDE, hub_model
from tests.support.pictures import drifting_ellipses
from tests.support.reference import make_network, random_weights


@pytest.fixture(scope="package")
def images() -> Sequence[Image]:
    return drifting_ellipses(num_frames=5)


@pytest.fixture(scope="package")
def weights() -> Mapping[str, Tensor]:
    return random_weights(get_entry("sam2.1-tiny"), SIDE, seed=3, object_score_bias=4.0)


@pytest.fixture(scope="package")
def ours(weights: Mapping[str, Tensor]) -> tuple[Sam2VideoModel, Sam2VideoProcessor]:
    network = make_network(get_entry("sam2.1-tiny"), SIDE, weights)
    return Sam2VideoModel(LoadedModel("sam2.1-tiny", network, "fp32")), Sam2VideoProcessor(SIDE)


@pytest.fixture(scope="package")
def theirs(weights: Mapping[str, Tensor]) -> tuple[Any, Any]:
    model = hub_model(weights)
    from transformers import Sam2VideoProcessor as Processor
    from transformers.models.sam2.image_processing_sam2 import Sam2ImageProcessor
    from transformers.models.sam2_video.video_processing_sam2_video import Sam2VideoVideoProcessor

    size = {"height": SIDE, "width": SIDE}
    processor = Processor(Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size), target_size=SIDE)
    return model, processor
