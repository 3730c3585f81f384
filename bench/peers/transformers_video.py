"""transformers' Sam2VideoModel in streaming mode: processor, model and mask post-processing, frame by frame.

Its weights are converted from ours. `nano` has a trunk that transformers does not know: there our image
encoder stands in for its own, and everything behind it is transformers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.models import make_module
from bench.peers.contender import BoolMasks, Case, Refused
from streamtrack.model.build import resolve_device
from streamtrack.model.sam2.hub_names import to_hub
from streamtrack.weights.catalog import get_entry

ENCODER = "vision_encoder."


class TransformersVideo:
    """A `Sam2VideoInferenceSession` that is fed frame by frame."""

    weights = ""

    def start(self, case: Case, pictures: Sequence[NDArray[np.uint8]], masks: BoolMasks) -> None:
        """Load, convert, prompt."""
        torch.set_num_threads(case.threads)
        self._case, self._pictures = case, pictures
        self._device = resolve_device(case.device)
        module, self.weights = make_module(case.model, case.image_size)
        self._model = convert(module, case).to(self._device).eval()
        self._processor = make_processor(case)
        self._session = self._processor.init_video_session(inference_device=self._device, dtype=torch.float32)
        self._size = list(pictures[0].shape[:2])
        self._processor.process_new_mask_for_video_frame(
            self._session, 0, list(range(len(masks))), list(map(torch.from_numpy, masks))
        )

    def step(self, index: int) -> BoolMasks:
        """Resize and normalise, track, scale the masks up and cut them."""
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._case.precision == "bf16"),
        ):
            inputs = self._processor(images=self._pictures[index], device=self._device, return_tensors="pt")
            output = self._model(inference_session=self._session, frame=inputs.pixel_values[0])
            (found,) = self._processor.post_process_masks([output.pred_masks], [self._size], binarize=True)
            masks: BoolMasks = found[:, 0].cpu().numpy()
        return masks

    def prepare(self, index: int) -> None:
        """Nothing: `step` does it."""

    def masks(self, outcome: BoolMasks) -> BoolMasks:
        """As they are."""
        return outcome


def make_processor(case: Case) -> Any:
    """transformers' own processor at the case's size."""
    from transformers import Sam2VideoProcessor  # seconds to import
    from transformers.models.sam2.image_processing_sam2 import Sam2ImageProcessor
    from transformers.models.sam2_video.video_processing_sam2_video import Sam2VideoVideoProcessor

    size = {"height": case.image_size, "width": case.image_size}
    return Sam2VideoProcessor(
        Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size), target_size=case.image_size
    )


def convert(module: Any, case: Case) -> Any:
    """A network of the sam2 package as transformers' model.

    Raises:
        Refused: transformers cannot have it.
    """
    from transformers import Sam2VideoModel

    weights = to_hub(module.state_dict())
    model: Any = Sam2VideoModel(_config(module, case))
    if get_entry(case.model).family == "nano":
        model.vision_encoder = _OurEncoder(module.image_encoder)
        ours = {key.removeprefix("image_encoder."): key for key in module.state_dict()}
        for key in [key for key in weights if key.startswith(ENCODER)]:
            del weights[key]
        for short, key in ours.items():
            if key.startswith("image_encoder."):
                weights[f"{ENCODER}encoder.{short}"] = module.state_dict()[key]
        # nano's box prompts are its own; the masks that prompt here do not read them.
        weights = {key: value for key, value in weights.items() if key in model.state_dict()}
    # Layer norms and conv positions are buffers of neither side: everything must fit, by name and shape.
    model.load_state_dict(weights, strict=True)
    return model


def _config(module: Any, case: Case) -> Any:
    from transformers import Sam2VideoConfig
    from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig
    from transformers.models.sam2_video.configuration_sam2_video import (
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )

    if get_entry(case.model).family == "sam2" and not case.model.endswith("-tiny"):
        raise Refused(f"{case.model}: only nano and the tiny models are converted")
    if case.model.startswith("sam2-"):
        raise Refused("transformers' streaming reads pointers as SAM 2.1 does")
    size, width = case.image_size, module.hidden_dim
    grid = size // 16
    vision = Sam2VisionConfig(
        backbone_config=Sam2HieraDetConfig(image_size=[size, size]),
        backbone_feature_sizes=[[4 * grid, 4 * grid], [2 * grid, 2 * grid], [grid, grid]],
        fpn_hidden_size=width,
    )
    attention = module.memory_attention
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(hidden_size=width, image_size=size),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(hidden_size=width),
        image_size=size,
        multimask_max_pt_num=module.multimask_max_pt_num,
        memory_attention_hidden_size=width,
        memory_attention_num_layers=attention.num_layers,
        memory_attention_feed_forward_hidden_size=attention.layers[0].linear1.out_features,
        memory_attention_rope_feat_sizes=[grid, grid],
        memory_encoder_hidden_size=width,
        mask_downsampler_embed_dim=width,
        memory_fuser_embed_dim=width,
        memory_fuser_intermediate_dim=4 * width,
    )


class _OurEncoder(nn.Module):
    """An image encoder of the sam2 package where transformers' stood."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values: Tensor, **_: Any) -> Any:
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoVisionEncoderOutput

        found = self.encoder(pixel_values)
        return Sam2VideoVisionEncoderOutput(
            fpn_hidden_states=tuple(found["backbone_fpn"]),  # type: ignore[arg-type]
            fpn_position_encoding=tuple(found["vision_pos_enc"]),  # type: ignore[arg-type]
        )


CONTENDER = TransformersVideo
