"""The COCO detector whose trunk `nano` started from: finds the boxes that real tracks are mined from.

CenterNet on MobileNetV3-large, 512 px, 80 classes: models/centernet.json of the npm package
`@vladmandic/human`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamtrack.model.mobilenet_trunk import (
    IMAGE_MEAN,
    IMAGE_STD,
    InvertedResidual,
    MobileNetTrunk,
    SameConv2d,
)
from training.bank import Image
from training.tfjs import read_tfjs, trunk_weights

SIDE_PX = 512
STRIDE = 4
MAX_DETECTIONS = 30
EXPANDED_TAPS = {3: "c2", 5: "c3"}
"""Blocks whose widened input feeds the head, at strides 4 and 8."""


@dataclass(frozen=True)
class Detection:
    """One object found."""

    score: float
    """0 to 1."""
    class_index: int
    """0 to 79 in COCO's order."""
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 in pixels of the image."""


class Separable(nn.Module):
    """Depthwise, then pointwise convolution."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = SameConv2d(in_channels, in_channels, kernel, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class CenterNet(nn.Module):
    """Heat maps of centres and distances to the four sides, at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = MobileNetTrunk()
        self.top = nn.Conv2d(120, 480, 1)
        self.narrow = nn.ModuleDict(
            {"c2": nn.Conv2d(72, 18, 1), "c3": nn.Conv2d(96, 24, 1), "c4": nn.Conv2d(88, 22, 1)}
        )
        self.lateral = nn.ModuleDict(
            {"c2": Separable(18, 64, 5), "c3": Separable(24, 96, 5), "c4": Separable(22, 128, 5)}
        )
        self.up = nn.ModuleDict(
            {
                level: nn.ModuleList([Separable(width, out, 3), Separable(width, out, 5)])
                for level, width, out in (("c5", 480, 128), ("c4", 256, 96), ("c3", 192, 64))
            }
        )
        self.squeeze = nn.Conv2d(128, 32, 1)
        self.excite = nn.Conv2d(32, 128, 1)
        self.classes = Separable(128, 80, 3)
        self.sides = Separable(128, 4, 3)

    @classmethod
    def from_tfjs(cls, model_json: Path) -> CenterNet:
        """Load the published weights."""
        weights = read_tfjs(model_json)
        network = cls().eval()
        state = {f"trunk.{name}": value for name, value in trunk_weights(weights).items()}
        head = "CenternetHead/"

        def take(target: str, kernel: str, bias: str | None) -> None:
            state[f"{target}.weight"] = weights[kernel]
            channels = weights[kernel].shape[0]
            state[f"{target}.bias"] = weights[bias] if bias else torch.zeros(channels)

        take("top", "extern1/Conv2D_weights", "extern1/Conv2D_bn_offset")
        for level in ("c2", "c3", "c4"):
            name = f"{head}{level}_reverse/"
            take(f"narrow.{level}", f"{name}1x1/Conv2D_weights", f"{name}1x1/Conv2D_bn_offset")
            take(f"lateral.{level}.depthwise", f"{name}3x3/depthwise_weights", None)
            pointwise = f"{name}3x3/separable_conv2d_"
            take(f"lateral.{level}.pointwise", f"{pointwise}weights", f"{pointwise}bn_offset")
        for level in ("c5", "c4", "c3"):
            for index, axis in enumerate("xy"):
                name = f"{head}{level}_upsample/branch_{axis}_upsample_resize/"
                take(f"up.{level}.{index}.depthwise", f"{name}depthwise_weights", None)
                pointwise = f"{name}separable_conv2d_"
                take(f"up.{level}.{index}.pointwise", f"{pointwise}weights", f"{pointwise}bn_offset")
        take("squeeze", f"{head}conv1x1_se_a/Conv2D_weights", f"{head}conv1x1_se_a/Conv2D_bn_offset")
        take("excite", f"{head}conv1x1_se_b/weights", None)
        for target, name in (("classes", "cls"), ("sides", "wh")):
            take(f"{target}.depthwise", f"{head}centernet_{name}_output/depthwise_weights", None)
            pointwise = f"{head}centernet_{name}_output/"
            take(f"{target}.pointwise", f"{pointwise}pointwise_weights", f"{pointwise}biases")
        network.load_state_dict(state)
        return network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Find centres in an RGB image of 0 to 1.

        Returns:
            scores (N, 80, H/4, W/4); distances to left, top, right, bottom in pixels (N, 4, H/4, W/4).
        """
        mean = torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)
        std = torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
        x = F.hardswish(self.trunk.stem((image - mean) / std * std + mean))
        taps = {}
        for index, block in enumerate(self.trunk.blocks):
            if isinstance(block, InvertedResidual) and block.expand is not None and index in EXPANDED_TAPS:
                taps[EXPANDED_TAPS[index]] = F.relu(block.expand(x))
            x = block(x)
            if index == 11:
                taps["c4"] = x
        x = F.hardswish(self.top(x))
        for level, below in (("c5", "c4"), ("c4", "c3"), ("c3", "c2")):
            narrow, wide = self.up[level].children()
            x = narrow(x) + wide(x)
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            side = self.lateral[below](F.relu(self.narrow[below](taps[below])))
            x = F.relu(torch.cat([side, x], 1))
        x = x * self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()
        return self.classes(x).sigmoid(), self.sides(x) * 16

    @torch.inference_mode()
    def detect(self, image: Image, threshold: float = 0.35) -> list[Detection]:
        """Find objects in an (H, W, 3) RGB image, surest first."""
        height, width = image.shape[:2]
        scale = SIDE_PX / max(height, width)
        small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
        canvas = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        scores, sides = self(torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 255)
        peaks = scores * (F.max_pool2d(scores, 3, 1, 1) == scores)
        values, places = peaks[0].flatten().topk(MAX_DETECTIONS)
        grid = SIDE_PX // STRIDE
        found = []
        for score, place in zip(values.tolist(), places.tolist(), strict=True):
            if score < threshold:
                break
            kind, (y, x) = place // grid**2, divmod(place % grid**2, grid)
            left, top, right, bottom = sides[0, :, y, x].tolist()
            centre_x, centre_y = x * STRIDE, y * STRIDE
            box = (
                (centre_x - left) / scale,
                (centre_y - top) / scale,
                (centre_x + right) / scale,
                (centre_y + bottom) / scale,
            )
            found.append(Detection(score, kind, box))
        return found
