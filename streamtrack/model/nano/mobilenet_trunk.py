"""MobileNetV3-large as a SAM 2 trunk: four feature maps at strides 4, 8, 16 and 32, batch norm folded.

The layout is the pruned-width MobileNetV3-large of a COCO CenterNet; `checkpoints/README.md` tells where
its pretrained weights come from. Batch norm is folded into the convolutions, hence every convolution has a
bias and nothing here behaves differently in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of SAM 2's input normalisation, RGB of 0 to 1."""
IMAGE_STD = (0.229, 0.224, 0.225)
"""Standard deviation of SAM 2's input normalisation, RGB of 0 to 1."""


@dataclass(frozen=True)
class BlockSpec:
    """One inverted residual block."""

    kernel: int
    """Side of the depthwise kernel, px."""
    expand_channels: int
    """Width between the pointwise convolutions; equal to the input's means that there is no expansion."""
    out_channels: int
    """Width of the block's output."""
    squeeze_channels: int | None
    """Bottleneck of squeeze-and-excite; None: the block has none."""
    hard_swish: bool
    """Hard-swish instead of ReLU."""
    stride: int
    """Stride of the depthwise convolution."""


STEM_CHANNELS = 16
BLOCKS = (
    BlockSpec(3, 16, 16, None, False, 1),
    BlockSpec(3, 64, 24, None, False, 2),
    BlockSpec(3, 72, 24, None, False, 1),  # stride 4
    BlockSpec(5, 72, 32, 24, False, 2),
    BlockSpec(5, 96, 32, 24, False, 1),
    BlockSpec(5, 96, 32, 24, False, 1),  # stride 8
    BlockSpec(3, 192, 64, None, True, 2),
    BlockSpec(3, 160, 64, None, True, 1),
    BlockSpec(3, 144, 64, None, True, 1),
    BlockSpec(3, 144, 64, None, True, 1),
    BlockSpec(3, 384, 88, 96, True, 1),
    BlockSpec(3, 528, 88, 136, True, 1),  # stride 16
    BlockSpec(5, 528, 120, 136, True, 2),
    BlockSpec(5, 720, 120, 184, True, 1),
    BlockSpec(5, 720, 120, 184, True, 1),  # stride 32
)
"""The 15 inverted residual blocks, first to last."""

TAPS = (2, 5, 11, 14)
"""Blocks whose outputs are the maps at strides 4, 8, 16 and 32."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding for inputs whose sides the stride divides.

    At stride 2 that padding is one pixel more after than before, which `nn.Conv2d` cannot say; with symmetric
    padding the pretrained weights would see every map shifted by a pixel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        total = kernel - stride if stride > 1 else kernel - 1
        self._before, self._after = total // 2, total - total // 2
        symmetric = self._before == self._after
        super().__init__(
            in_channels, out_channels, kernel, stride, padding=self._before if symmetric else 0, groups=groups
        )
        self._pad_first = not symmetric

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x (N, C, H, W); the result is (N, C', H / stride, W / stride)."""
        if self._pad_first:
            x = F.pad(x, (self._before, self._after, self._before, self._after))
        return super().forward(x)


class InvertedResidual(nn.Module):
    """Expand, filter per channel, weigh the channels, project; added to the input where the shapes agree."""

    def __init__(self, in_channels: int, spec: BlockSpec) -> None:
        super().__init__()
        width = spec.expand_channels
        self.expand = nn.Conv2d(in_channels, width, 1) if width != in_channels else None
        self.depthwise = SameConv2d(width, width, spec.kernel, spec.stride, groups=width)
        squeezed = spec.squeeze_channels
        self.squeeze = nn.Conv2d(width, squeezed, 1) if squeezed else None
        self.excite = nn.Conv2d(squeezed, width, 1) if squeezed else None
        self.project = nn.Conv2d(width, spec.out_channels, 1)
        self._activation = F.hardswish if spec.hard_swish else F.relu
        self._residual = spec.stride == 1 and in_channels == spec.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Transform x (N, C, H, W) to (N, C', H / stride, W / stride)."""
        y = x if self.expand is None else self._activation(self.expand(x))
        y = self._activation(self.depthwise(y))
        if self.squeeze is not None and self.excite is not None:
            gate = F.relu(self.squeeze(y.mean((2, 3), keepdim=True)))
            y = y * F.hardsigmoid(self.excite(gate))
        projected: Tensor = self.project(y)
        return x + projected if self._residual else projected


class MobileNetTrunk(nn.Module):
    """The convolutional trunk of `nano`."""

    name = "mobilenetv3-large"
    stem_channels = STEM_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM_CHANNELS, 3, 2)
        blocks = []
        channels = STEM_CHANNELS
        for spec in BLOCKS:
            blocks.append(InvertedResidual(channels, spec))
            channels = spec.out_channels
        self.blocks = nn.ModuleList(blocks)
        self.channel_list = [BLOCKS[tap].out_channels for tap in reversed(TAPS)]
        """Widths of the maps, coarsest first, as SAM 2's neck asks for them."""
        # The pretrained stem saw plain RGB whose zero padding is black, so the normalisation is undone here
        # rather than folded: folding it would change the padding.
        self.register_buffer("_mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1), persistent=False)
        self._mean: Tensor
        self._std: Tensor

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute the feature maps at strides 4, 8, 16, 32 (finest first).

        Args:
            image: (N, 3, H, W), normalised with IMAGE_MEAN and IMAGE_STD; H and W are multiples of 32.
        """
        x = F.hardswish(self.stem(image * self._std + self._mean))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps.append(x)
        return maps
