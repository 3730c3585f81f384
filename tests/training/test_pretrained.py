"""Published weights under our names, and the least-squares start of another trunk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from streamtrack.model.nano.build import TRUNKS, build_nano
from streamtrack.model.nano.efficientnet_trunk import EfficientNetLiteTrunk
from training.distil import fit_laterals, map_losses
from training.pretrained import BATCH_NORM_EPSILON, read_efficientnet


def published_like(trunk: EfficientNetLiteTrunk) -> dict[str, torch.Tensor]:
    """Random weights with batch norm, named as the published file names them."""
    names = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
    names |= {"project": ("_project_conv", "_bn2"), "stem": ("_conv_stem", "_bn0")}
    published = {"_fc.weight": torch.zeros(3, 4), "_conv_head.weight": torch.zeros(4, 4, 1, 1)}
    for name, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d):
            *block, part = name.split(".")
            prefix = f"_blocks.{block[1]}." if block else ""
            convolution, norm = names[part]
            channels = module.out_channels
            published[f"{prefix}{convolution}.weight"] = torch.randn_like(module.weight)
            for key in ("weight", "bias", "running_mean", "running_var"):
                published[f"{prefix}{norm}.{key}"] = torch.rand(channels) + 0.5
    return published


def test_folded_batch_norm_computes_what_the_published_layers_do(tmp_path: Path) -> None:
    trunk = EfficientNetLiteTrunk().eval()
    published = published_like(trunk)
    torch.save(published, tmp_path / "lite0.pth")

    trunk.load_state_dict(read_efficientnet(tmp_path / "lite0.pth"), strict=True)

    x = torch.randn(1, 16, 8, 8)
    block = "_blocks.1."
    mean, variance, weight, bias = (
        published[f"{block}_bn0.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
    )
    found_by_hand = F.conv2d(x, published[f"{block}_expand_conv.weight"])
    expected = F.batch_norm(found_by_hand, mean, variance, weight, bias, eps=BATCH_NORM_EPSILON)
    found = trunk.blocks[1].expand(x)  # type: ignore[operator]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # float32, sums of 16


def test_least_squares_recovers_an_encoder_that_differs_only_in_its_neck() -> None:
    torch.manual_seed(0)
    name = next(iter(TRUNKS))
    teacher, student = (build_nano(trunk=name).image_encoder.eval() for _ in range(2))
    student.trunk.load_state_dict(teacher.trunk.state_dict())
    images = torch.randn(2, 3, 64, 64)

    fit_laterals(student, teacher, images)

    with torch.inference_mode():
        losses = map_losses(student(images)["backbone_fpn"], teacher(images)["backbone_fpn"])
    assert losses.max().item() == pytest.approx(0, abs=0.02)  # the ridge keeps it from being exact
