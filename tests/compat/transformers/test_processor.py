"""Inputs, masks, and how model and processor are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from streamtrack.compat.transformers import Sam2VideoModel, Sam2VideoProcessor
from streamtrack.errors import CheckpointError, ConfigError, PromptError, ShapeError
from streamtrack.frame import Image
from tests.support.hub_model import SIDE, hub_config


def test_pictures_and_prompts_become_the_same_tensors(
    ours: Any, theirs: Any, images: Sequence[Image]
) -> None:
    options: dict[str, Any] = {
        "images": images[0],
        "input_points": [[[[100, 80], [60, 120]], [[190, 85]]]],
        "input_labels": [[[1, 0], [1]]],
        "input_boxes": [[[60, 55, 140, 105], [150, 60, 230, 120]]],
        "return_tensors": "pt",
    }
    found, there = ours[1](**options), theirs[1](**options)
    assert found["original_sizes"].tolist() == there["original_sizes"].tolist() == [[180, 320]]
    for name in ("pixel_values", "input_points", "input_labels", "input_boxes"):
        torch.testing.assert_close(found[name], there[name], atol=1e-4, rtol=0)
    assert set(found.keys()) == set(there.keys())
    moved = found.to("cpu", torch.bfloat16)
    assert (moved.pixel_values.dtype, moved.original_sizes.dtype) == (torch.bfloat16, torch.int64)
    alone = ours[1](original_sizes=[[180, 320]], input_boxes=options["input_boxes"])
    torch.testing.assert_close(alone.input_boxes, found.input_boxes.float(), atol=0.5, rtol=0)
    assert "pixel_values" not in alone


def test_masks_at_the_size_of_their_pictures(ours: Any, theirs: Any) -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 1, 32, 32)
    sizes: Any = torch.tensor([[180, 320]])
    for options in (
        {},
        {"binarize": False},
        {"mask_threshold": 0.5},
        {"apply_non_overlapping_constraints": True},
    ):
        (found,) = ours[1].post_process_masks([logits], sizes, **options)
        (there,) = theirs[1].post_process_masks([logits.clone()], original_sizes=sizes, **options)
        assert found.dtype == there.dtype
        torch.testing.assert_close(found, there)
    assert ours[1].post_process_masks([logits.numpy()], [(90, 160)])[0].shape == (3, 1, 90, 160)


def test_small_areas_are_cleaned_where_transformers_leaves_them(ours: Any) -> None:
    logits = torch.full((1, 1, 32, 32), -5.0)
    logits[..., 4:20, 4:20] = 5
    logits[..., 10, 10] = -5
    logits[..., 28, 28] = 5
    clean = ours[1].post_process_masks([logits], [(32, 32)], max_hole_area=2, max_sprinkle_area=2)[0]
    assert int(clean.sum()) == 16 * 16
    assert int(ours[1].post_process_masks([logits], [(32, 32)])[0].sum()) == 16 * 16


def test_what_cannot_be_meant_is_one_line(ours: Any, images: Sequence[Image]) -> None:
    processor = ours[1]
    with pytest.raises(PromptError, match=r"^neither images nor original_sizes, expected one of them$"):
        processor(input_boxes=[[[1, 2, 3, 4]]])
    with pytest.raises(PromptError, match=r"^segmentation_maps are given, expected none"):
        processor(images=images[0], segmentation_maps=images[0])
    with pytest.raises(ShapeError, match=r"^return_tensors is 'np', expected 'pt'$"):
        processor(images=images[0], return_tensors="np")
    with pytest.raises(ShapeError, match=r"^masks are of 1 pictures, expected 2: a size each$"):
        processor.post_process_masks([torch.zeros(1, 1, 4, 4)], [(4, 4), (4, 4)])
    with pytest.raises(ShapeError, match=r"^masks are \(4, 4\), expected \(N, C, h, w\) logits$"):
        processor.post_process_masks([torch.zeros(4, 4)], [(4, 4)])
    with pytest.raises(ShapeError, match=r"^original_sizes are \[\[4\]\], expected H, W of each picture$"):
        processor.post_process_masks([torch.zeros(1, 1, 4, 4)], [(4,)])


def test_by_name_and_by_folder(tmp_path: Any, images: Sequence[Image]) -> None:
    hub_config(image_size=256).save_pretrained(tmp_path)
    assert Sam2VideoProcessor.from_pretrained(tmp_path).target_size == 256
    assert Sam2VideoProcessor.from_pretrained("facebook/sam2.1-hiera-tiny").target_size == 1024
    assert Sam2VideoProcessor.from_pretrained("nano", image_size=SIDE).target_size == SIDE
    model = Sam2VideoModel.from_pretrained("nano", image_size=SIDE, device_map="cpu", low_cpu_mem_usage=True)
    assert (model.device.type, model.dtype, model.image_size) == ("cpu", torch.float32, SIDE)
    assert model.to("cpu", dtype=torch.float32).eval() is model
    assert model.to(torch.bfloat16).dtype == torch.bfloat16
    with pytest.raises(
        ConfigError, match=r"^dtype is torch.float16, expected torch.float32 or torch.bfloat16$"
    ):
        model.to(dtype=torch.float16)
    with pytest.raises(ConfigError, match=r"^option load_in_8bit is unknown, expected one of: device_map"):
        Sam2VideoModel.from_pretrained("nano", load_in_8bit=True)
    with pytest.raises(CheckpointError, match=r"unknown model 'nanoo', did you mean 'nano'"):
        Sam2VideoProcessor.from_pretrained("nanoo")
    session = Sam2VideoProcessor(SIDE).init_video_session(video=np.stack(images))
    Sam2VideoProcessor(SIDE).add_inputs_to_inference_session(session, 0, 1, [[[[100, 80]]]], [[[1]]])
    output = model(session, 0)
    assert output["pred_masks"] is output.pred_masks is output[1]
    assert output.to_tuple()[3] == output.get("frame_idx") == 0
    assert list(output) == ["object_ids", "pred_masks", "object_score_logits", "frame_idx"]
