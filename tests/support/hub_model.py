"""transformers' own Sam2VideoModel, small in pixels: as it makes and saves it itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from streamtrack.model.sam2.hub_names import to_hub

SIDE = 128
"""Of its input, in pixels."""


def hub_config(image_size: int = SIDE, **options: Any) -> Any:
    """A config of the tiny model, of SAM 2.1 unless told otherwise."""
    pytest.importorskip("transformers", reason="pip install -e '.[dev]'")
    from transformers import Sam2VideoConfig
    from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig
    from transformers.models.sam2_video.configuration_sam2_video import Sam2VideoPromptEncoderConfig

    grid = image_size // 16
    return Sam2VideoConfig(
        vision_config=Sam2VisionConfig(
            backbone_config=Sam2HieraDetConfig(image_size=[image_size, image_size]),
            backbone_feature_sizes=[[4 * grid, 4 * grid], [2 * grid, 2 * grid], [grid, grid]],
        ),
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(image_size=image_size),
        image_size=image_size,
        memory_attention_rope_feat_sizes=[grid, grid],
        **options,
    )


def hub_model(weights: Mapping[str, Tensor], image_size: int = SIDE) -> Any:
    """transformers' model with weights of Meta's layout; every one of them must find its place."""
    config = hub_config(image_size)
    from transformers import Sam2VideoModel

    model: Any = Sam2VideoModel(config)
    model.load_state_dict(to_hub(weights), strict=True)
    return model.eval()


def fresh_hub_model(seed: int, image_size: int = SIDE) -> Any:
    """transformers' model with the random weights that it makes itself, under which objects are seen."""
    config = hub_config(image_size)
    from transformers import Sam2VideoModel

    torch.manual_seed(seed)
    model: Any = Sam2VideoModel(config)
    with torch.no_grad():
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(4.0)
        for mlp in model.mask_decoder.output_hypernetworks_mlps:
            mlp.proj_out.weight.mul_(60)
            mlp.proj_out.bias.normal_(std=2.0)
    return model.eval()
