"""nano twice: in sam2's own predictor, and in ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest
import torch
from sam2.sam2_video_predictor import SAM2VideoPredictor as Reference

from streamtrack.engine.preprocess import to_input
from streamtrack.frame import Image
from streamtrack.model.build import LoadedModel
from streamtrack.model.weights_file import read_weights
from streamtrack.weights.catalog import get_entry, require_checkpoint
from tests.support.pictures import drifting_ellipses
from tests.support.reference import make_network, make_reference


@pytest.fixture(scope="session")
def images() -> Sequence[Image]:
    return drifting_ellipses(num_frames=20)


@pytest.fixture(scope="session")
def model() -> LoadedModel:
    entry = get_entry("nano")
    network = make_network(entry, entry.image_size, read_weights(require_checkpoint(entry)))
    return LoadedModel("nano", network, "fp32")


@pytest.fixture(scope="session")
def reference() -> Reference:
    """sam2's predictor; what fails there in float32 without a pointer is computed as promotion would."""
    entry = get_entry("nano")
    predictor = make_reference(entry, entry.image_size, read_weights(require_checkpoint(entry)))
    predictor.memory_attention.register_forward_pre_hook(_as_floats, with_kwargs=True)
    return predictor


def _as_floats(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, {**kwargs, "memory": kwargs["memory"].float()}


def reference_state(reference: Reference, model: LoadedModel, images: Sequence[Image]) -> dict[str, Any]:
    """sam2's state over the tensors that our network sees."""
    network: Any = model.network
    size = network.geometry.input_size
    squares = [network.normalise(to_input(image, size, network.device))[0] for image in images]
    loaded = (torch.stack(squares), *images[0].shape[:2])
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=loaded):
        state: dict[str, Any] = reference.init_state("frames are given")
    return state
