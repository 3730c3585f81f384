"""EfficientNet-Lite0 as a SAM 2 trunk: four feature maps at strides 4, 8, 16 and 32, batch norm folded.

Tan and Le, arXiv:1905.11946, in the "lite" form for phones: ReLU6, no squeeze-and-excite, fixed stem.
The classifier and the convolution before it are left out. The first weights are Google's, trained on
ImageNet (Apache-2.0). Batch norm is folded into the convolutions, hence every convolution has a bias and
nothing here behaves differently in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamtrack.model.nano.mobilenet_trunk import IMAGE_MEAN, IMAGE_STD, SameConv2d

INPUT_SCALE, INPUT_OFFSET = 255 / 128, -127 / 128
"""The pretrained stem saw values of 0 to 255, less 127, divided by 128."""
STEM_CHANNELS = 32


@dataclass(frozen=True)
class StageSpec:
    """Equal blocks in a row."""

    num_blocks: int
    """Blocks of the stage; only the first changes stride and width."""
    kernel: int
    """Side of the depthwise kernels, px."""
    stride: int
    """Stride of the first block."""
    expansion: int
    """Factor by which a block widens its input."""
    out_channels: int
    """Width of the stage's output."""


STAGES = (
    StageSpec(1, 3, 1, 1, 16),
    StageSpec(2, 3, 2, 6, 24),  # stride 4
    StageSpec(2, 5, 2, 6, 40),  # stride 8
    StageSpec(3, 3, 2, 6, 80),
    StageSpec(3, 5, 1, 6, 112),  # stride 16
    StageSpec(4, 5, 2, 6, 192),
    StageSpec(1, 3, 1, 6, 320),  # stride 32
)
"""The 16 blocks, first to last."""

TAPS = (2, 4, 10, 15)
"""Blocks whose outputs are the maps at strides 4, 8, 16 and 32."""


class LiteBlock(nn.Module):
    """Expand, filter per channel, project; added to the input where the shapes agree."""

    def __init__(self, in_channels: int, out_channels: int, spec: StageSpec, stride: int) -> None:
        super().__init__()
        width = in_channels * spec.expansion
        self.expand = nn.Conv2d(in_channels, width, 1) if spec.expansion != 1 else None
        self.depthwise = SameConv2d(width, width, spec.kernel, stride, groups=width)
        self.project = nn.Conv2d(width, out_channels, 1)
        self._residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Transform x (N, C, H, W) to (N, C', H / stride, W / stride)."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        projected: Tensor = self.project(F.relu6(self.depthwise(y)))
        return x + projected if self._residual else projected


class EfficientNetLiteTrunk(nn.Module):
    """A convolutional trunk of `nano` whose origin is free of doubt."""

    name = "efficientnet-lite0"
    stem_channels = STEM_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM_CHANNELS, 3, 2)
        blocks: list[nn.Module] = []
        channels, widths = STEM_CHANNELS, []
        for spec in STAGES:
            for index in range(spec.num_blocks):
                blocks.append(LiteBlock(channels, spec.out_channels, spec, spec.stride if index == 0 else 1))
                channels = spec.out_channels
                widths.append(channels)
        self.blocks = nn.ModuleList(blocks)
        self.channel_list = [widths[tap] for tap in reversed(TAPS)]
        """Widths of the maps, coarsest first, as SAM 2's neck asks for them."""
        scale = torch.tensor(IMAGE_STD).view(1, 3, 1, 1) * INPUT_SCALE
        offset = torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1) * INPUT_SCALE + INPUT_OFFSET
        self.register_buffer("_scale", scale, persistent=False)
        self.register_buffer("_offset", offset, persistent=False)
        self._scale: Tensor
        self._offset: Tensor

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps at strides 4, 8, 16, 32 (finest first).

        Args:
            image: (N, 3, H, W), normalised with IMAGE_MEAN and IMAGE_STD; H and W are multiples of 32.
        """
        x = F.relu6(self.stem(image * self._scale + self._offset))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps.append(x)
        return maps
