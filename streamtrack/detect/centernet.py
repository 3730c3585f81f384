"""CenterNet on MobileNetV3-large: a heat map of centres for each of COCO's 80 classes, and the boxes there.

Source: Objects as Points, arXiv:1904.07850. `checkpoints/README.md` tells where the weights come from.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamtrack.coco import COCO_CLASSES
from streamtrack.model.nano.mobilenet_trunk import InvertedResidual, MobileNetTrunk, SameConv2d

STRIDE = 4
"""Pixels of the picture for one cell of the heat maps."""
SIDE_UNIT_PX = 16
"""What the network counts the distances to a box's sides in."""
EXPANDED_TAPS = {3: "c2", 5: "c3"}
"""Blocks whose widened input feeds the head, at strides 4 and 8."""
LAST_TAP = 11
"""Block whose output feeds the head at stride 16, as `c4`."""


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
        self.classes = Separable(128, len(COCO_CLASSES), 3)
        self.sides = Separable(128, 4, 3)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Find centres.

        Args:
            image: (N, 3, H, W) RGB of 0 to 1; H and W are multiples of 32.
        Returns:
            scores (N, 80, H/4, W/4), 0 to 1; distances from each cell to the left, top, right and bottom side
            in pixels (N, 4, H/4, W/4).
        """
        x = F.hardswish(self.trunk.stem(image))
        taps = {}
        for index, block in enumerate(self.trunk.blocks):
            if isinstance(block, InvertedResidual) and block.expand is not None and index in EXPANDED_TAPS:
                taps[EXPANDED_TAPS[index]] = F.relu(block.expand(x))
            x = block(x)
            if index == LAST_TAP:
                taps["c4"] = x
        x = F.hardswish(self.top(x))
        for level, below in (("c5", "c4"), ("c4", "c3"), ("c3", "c2")):
            near, wide = self.up[level].children()
            x = near(x) + wide(x)
            x = double(x)
            side = self.lateral[below](F.relu(self.narrow[below](taps[below])))
            x = F.relu(torch.cat([side, x], 1))
        x = x * self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()
        return self.classes(x).sigmoid(), self.sides(x) * SIDE_UNIT_PX


def double(x: Tensor) -> Tensor:
    """Bilinear (N, C, H, W) to (N, C, 2H, 2W) with old cells at even places, as TensorFlow 1 resized.

    `F.interpolate` puts them half a cell off; the weights, trained without that, would see all levels askew.
    """
    height, width = x.shape[2:]
    padded = F.pad(x, (0, 1, 0, 1), mode="replicate")
    larger = F.interpolate(padded, size=(2 * height + 1, 2 * width + 1), mode="bilinear", align_corners=True)
    return larger[..., :-1, :-1]
