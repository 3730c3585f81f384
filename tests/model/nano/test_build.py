"""The shipped network: weights load strictly, shapes are SAM 2's, padding is the pretrained trunk's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from streamtrack.errors import ConfigError
from streamtrack.model.nano.build import (
    ARCHITECTURE,
    DEFAULT_TRUNK,
    IMAGE_SIZE_PX,
    TRUNKS,
    build_nano,
    trunk_of,
)
from streamtrack.model.nano.mobilenet_trunk import SameConv2d

WEIGHTS = Path(__file__).parents[3] / "checkpoints" / "nano.safetensors"


def test_shipped_weights_load_strictly_and_are_small() -> None:
    network = build_nano()

    network.load_state_dict(load_file(WEIGHTS), strict=True)

    assert all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())
    assert WEIGHTS.stat().st_size <= 12 * 2**20


def test_shipped_metadata_names_size_architecture_and_trunk() -> None:
    with safe_open(WEIGHTS, "pt") as file:
        metadata = file.metadata()

    assert metadata["image_size"] == str(IMAGE_SIZE_PX)
    assert metadata["architecture"] == ARCHITECTURE
    assert metadata["trunk"] == DEFAULT_TRUNK == trunk_of(load_file(WEIGHTS))


@pytest.mark.parametrize(("size", "trunk"), [(96, name) for name in sorted(TRUNKS)] + [(256, DEFAULT_TRUNK)])
def test_image_features_have_strides_4_8_and_16_at_any_multiple_of_32(size: int, trunk: str) -> None:
    network = build_nano(size, trunk=trunk).eval()

    with torch.inference_mode():
        maps = network.forward_image(torch.zeros(1, 3, size, size))["backbone_fpn"]

    # The decoder reads the two finer maps after a projection to an eighth and a quarter of the width.
    assert [tuple(m.shape) for m in maps] == [
        (1, 16, size // 4, size // 4),
        (1, 32, size // 8, size // 8),
        (1, 128, size // 16, size // 16),
    ]


def test_box_prompt_on_a_bright_square_gives_a_mask_on_it() -> None:
    network = build_nano().eval()
    network.load_state_dict(load_file(WEIGHTS))
    image = torch.full((1, 3, 256, 256), -1.0)
    image[..., 80:176, 96:192] = 1.5
    prompt = {
        "point_coords": torch.tensor([[[94.0, 78.0], [194.0, 178.0]]]),
        "point_labels": torch.tensor([[2, 3]], dtype=torch.int32),
    }

    with torch.inference_mode():
        _, features, _, sizes = network._prepare_backbone_features(network.forward_image(image))
        pixels = (features[-1] + network.no_mem_embed).permute(1, 2, 0).view(1, 128, 16, 16)
        fine = [f.permute(1, 2, 0).view(1, -1, *s) for f, s in zip(features[:-1], sizes[:-1], strict=True)]
        mask = network._forward_sam_heads(pixels, prompt, None, fine, False)[4][0, 0] > 0

    truth = torch.zeros(256, 256, dtype=torch.bool)
    truth[80:176, 96:192] = True
    iou = (mask & truth).sum() / (mask | truth).sum()
    assert iou > 0.7  # untrained weights give 0.0; a flat square is far from what it was trained on


def test_keyword_arguments_override_the_post_processing_defaults() -> None:
    assert build_nano().binarize_mask_from_pts_for_mem_enc
    assert not build_nano(binarize_mask_from_pts_for_mem_enc=False).binarize_mask_from_pts_for_mem_enc


@pytest.mark.parametrize(("num_points", "num_candidates"), [(1, 3), (2, 3), (3, 1)])
def test_box_and_click_have_three_candidates_and_longer_prompts_one_mask(
    num_points: int, num_candidates: int
) -> None:
    network = build_nano()
    points = {
        "point_coords": torch.rand(1, num_points, 2) * 256,
        "point_labels": torch.ones(1, num_points, dtype=torch.int32),
    }

    assert network._use_multimask(True, points) == (num_candidates == 3)


@pytest.mark.parametrize("size", [0, -32, 250])
def test_size_that_is_no_multiple_of_32_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"nano: image_size is {size}, expected a positive multiple of 32"):
        build_nano(size)


@pytest.mark.parametrize("name", sorted(TRUNKS))
def test_weights_tell_which_trunk_they_have(name: str) -> None:
    assert trunk_of(build_nano(trunk=name).state_dict()) == name


def test_unknown_trunk_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="nano: trunk is 'hiera', expected one of efficientnet-lite0, mobilenetv3-large"
    ):
        build_nano(trunk="hiera")


@pytest.mark.parametrize(("kernel", "first_tap"), [(3, 0), (5, -1)])
def test_strided_convolution_pads_more_after_than_before(kernel: int, first_tap: int) -> None:
    # TensorFlow's SAME: the first window of a stride-2 kernel starts at pixel 0 (3x3) or one before it (5x5).
    convolution = SameConv2d(1, 1, kernel, stride=2)
    torch.nn.init.ones_(convolution.weight)
    assert convolution.bias is not None
    torch.nn.init.zeros_(convolution.bias)
    row = torch.arange(1.0, 9.0).repeat(8, 1)[None, None]

    with torch.inference_mode():
        out = convolution(row)

    columns = range(max(first_tap, 0), first_tap + kernel)
    rows = len(columns)
    assert out.shape == (1, 1, 4, 4)
    assert out[0, 0, 0, 0].item() == rows * sum(column + 1 for column in columns)
