"""sam2's build functions: from its config names, a catalog's name or a loaded model to a predictor."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import torch

from streamtrack.compat.sam2.camera_predictor import SAM2CameraPredictor
from streamtrack.compat.sam2.models import load
from streamtrack.compat.sam2.video_predictor import SAM2VideoPredictor
from streamtrack.errors import ConfigError
from streamtrack.model.build import LoadedModel

OVERRIDE = re.compile(r"\+*model\.(\w+)=(.*)$")
OPTIONS = (
    "fill_hole_area",
    "non_overlap_masks",
    "clear_non_cond_mem_around_input",
    "add_all_frames_to_correct_as_cond",
    "max_cond_frames_in_attn",
)
"""Keys of sam2's config that a predictor takes."""


def build_sam2_video_predictor(
    config_or_model: str | os.PathLike[str] | LoadedModel,
    ckpt_path: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    vos_optimized: bool = False,
    *,
    precision: str = "auto",
    image_size: int | None = None,
    **options: Any,
) -> SAM2VideoPredictor:
    """A predictor as `sam2.build_sam.build_sam2_video_predictor` builds it.

    Args:
        config_or_model: one of sam2's config names, a name of the catalog (`nano`), a weights file, or a
            model that is loaded.
        ckpt_path: weights; None: the catalog's.
        device: auto, cpu, cuda or mps.
        hydra_overrides_extra: `++model.KEY=VALUE` of the keys in `OPTIONS` and `image_size`.
        vos_optimized: has no effect.
        precision: auto, fp32 or bf16.
        image_size: side of the picture that the network sees; None: the model's own.
        options: of `SAM2VideoPredictor`.
    Raises:
        CheckpointError: unknown model, or weights that are missing, damaged or of another model.
        ConfigError: the device is not there, or an option is unknown.
    """
    _require_as_published(mode, apply_postprocessing)
    overrides = dict(_parse_override(text) for text in hydra_overrides_extra)
    image_size = overrides.pop("image_size", image_size)
    options = {**overrides, **options}
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ConfigError(
            f"option {unknown[0]} is unknown, expected one of: {', '.join(OPTIONS)}, image_size"
        )
    model = load(config_or_model, ckpt_path, device, precision, image_size)
    return SAM2VideoPredictor(model, **options)


def build_sam2_video_predictor_hf(model_id: str, **options: Any) -> SAM2VideoPredictor:
    """As `build_sam2_video_predictor`, by an id on the Hugging Face hub; the catalog has its weights."""
    return build_sam2_video_predictor(model_id, **options)


def build_sam2_camera_predictor(
    config_or_model: str | os.PathLike[str] | LoadedModel,
    ckpt_path: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    mode: str = "eval",
    apply_postprocessing: bool = True,
    *,
    precision: str = "auto",
    image_size: int | None = None,
) -> SAM2CameraPredictor:
    """A predictor for live video; arguments as in `build_sam2_video_predictor`."""
    _require_as_published(mode, apply_postprocessing)
    return SAM2CameraPredictor(load(config_or_model, ckpt_path, device, precision, image_size))


def _require_as_published(mode: str, apply_postprocessing: bool) -> None:
    if mode != "eval":
        raise ConfigError(f"mode is {mode!r}, expected eval: nothing is trained here")
    if not apply_postprocessing:
        raise ConfigError("apply_postprocessing is False, expected True: networks are built with it")


def _parse_override(text: str) -> tuple[str, Any]:
    match = OVERRIDE.match(text)
    if match is None:
        raise ConfigError(f"override is {text!r}, expected ++model.KEY=VALUE")
    value = match[2].strip().lower()
    if value in ("true", "false"):
        return match[1], value == "true"
    try:
        return match[1], int(value)
    except ValueError:
        raise ConfigError(f"override is {text!r}, expected true, false or an integer as its value") from None
