"""sam2's build functions and their options."""

from __future__ import annotations

from typing import Any

import pytest

from streamtrack.compat.sam2 import build_sam2_video_predictor
from streamtrack.errors import CheckpointError, ConfigError
from streamtrack.model.build import LoadedModel
from streamtrack.weights.catalog import get_entry, require_checkpoint


def test_a_predictor_is_built_from_a_name_and_weights() -> None:
    weights = require_checkpoint(get_entry("nano"))
    predictor = build_sam2_video_predictor(
        "nano", str(weights), device="cpu", hydra_overrides_extra=["++model.image_size=128"]
    ).eval()
    assert (predictor.device.type, predictor.image_size) == ("cpu", 128)
    with pytest.raises(CheckpointError, match=r"holds weights of nano, expected sam2\.1-tiny$"):
        build_sam2_video_predictor("configs/sam2.1/sam2.1_hiera_t.yaml", weights, device="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "model: device is 'tpu'"),
        ({"mode": "train"}, "mode is 'train', expected eval"),
        ({"apply_postprocessing": False}, "apply_postprocessing is False, expected True"),
        ({"hydra_overrides_extra": ["++model.num_maskmem=3"]}, "option num_maskmem is unknown"),
        ({"hydra_overrides_extra": ["num_maskmem"]}, "override is 'num_maskmem', expected ++model.KEY=VALUE"),
        ({"max_cond_frames_in_attn": 1}, "max_cond_frames_in_attn is 1, expected at least 2, or -1 for all"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any], message: str, model: LoadedModel) -> None:
    with pytest.raises(ConfigError) as raised:
        build_sam2_video_predictor(model if "device" not in options else "nano", **options)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
