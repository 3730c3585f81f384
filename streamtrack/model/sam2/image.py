"""Encodes pictures with a SAM 2 image encoder, on a CPU with less work than upstream's own way.

The weights are upstream's. What is left out on a CPU, with the same numbers but for rounding:
- Hiera's windows are padded where the map is no multiple of them (32 x 32 tokens in windows of 14 become
  42 x 42). What pads has no queries that anyone reads, and all of it is one and the same key: see `_padded`.
- Of the two finer maps only their projections for the mask decoder are kept: neck and projection are one.
- The positional encoding of the picture's cells depends on its size alone.

Source: SAM 2, arXiv:2408.00714; backbones/hieradet.py and backbones/image_encoder.py of sam2.modeling.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from sam2.modeling.backbones.hieradet import Hiera, MultiScaleBlock
from sam2.modeling.backbones.utils import window_partition, window_unpartition
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from streamtrack.model.interface import Size
from streamtrack.model.sam2.folding import fold_pointwise

STRIDE_PX = 4
"""Of the trunk's finest map."""


class ImageEncoder:
    """Makes the three maps of a picture that tracking reads, through a module's trunk and neck.

    Args:
        input_size: H, W of the picture in pixels.
    """

    def __init__(self, module: SAM2Base, input_size: Size) -> None:
        self._module = module
        encoder: Any = module.image_encoder
        self._trunk, self._neck = encoder.trunk, encoder.neck
        self._folds = next(module.parameters()).device.type == "cpu" and _is_plain(encoder)
        if self._folds:
            # From coarse to fine, as the neck has them.
            coarsest, coarse, stride_8, stride_4 = (level.conv for level in self._neck.convs)
            self._top = coarsest, coarse
            self._stride_4 = fold_pointwise(stride_4, module.sam_mask_decoder.conv_s0)
            self._stride_8 = fold_pointwise(stride_8, module.sam_mask_decoder.conv_s1)
        self._position: Tensor | None = None
        if self._folds and isinstance(self._trunk, Hiera):
            height, width = input_size
            self._position = _cell_position(self._trunk, (height // STRIDE_PX, width // STRIDE_PX))

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of a normalised (1, 3, H, W) picture: (1, C, r, c) at stride 16, and the mask decoder's at
        strides 4 and 8."""
        if not self._folds:
            maps: Sequence[Tensor] = self._module.image_encoder(image)["backbone_fpn"]
            stride_4, stride_8, stride_16 = maps[-3:]
            decoder = self._module.sam_mask_decoder
            return stride_16, decoder.conv_s0(stride_4), decoder.conv_s1(stride_8)
        stride_4, stride_8, stride_16, stride_32 = self._trunk_maps(image)
        coarsest, coarse = self._top
        top_down = F.interpolate(coarsest(stride_32).to(torch.float32), scale_factor=2.0, mode="nearest")
        return (
            coarse(stride_16) + top_down,
            F.conv2d(stride_4, *self._stride_4),
            F.conv2d(stride_8, *self._stride_8),
        )

    def _trunk_maps(self, image: Tensor) -> Sequence[Tensor]:
        """The trunk's maps, finest first."""
        trunk = self._trunk
        if self._position is None:
            found: Sequence[Tensor] = trunk(image)
            return found
        x = trunk.patch_embed(image) + self._position
        maps = []
        for index, block in enumerate(trunk.blocks):
            x = block_without_padding(block, x)
            if index in trunk.stage_ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps


@torch.no_grad()
def _cell_position(trunk: Hiera, cells: Size) -> Tensor:
    """(1, rows, columns, C): the encoding of each cell of the trunk's finest map."""
    window = trunk.pos_embed_window
    position = F.interpolate(trunk.pos_embed, size=cells, mode="bicubic")
    repeats = [length // side for length, side in zip(position.shape, window.shape, strict=True)]
    encoded: Tensor = (position + window.tile(repeats)).permute(0, 2, 3, 1)
    return encoded


def _is_plain(encoder: Any) -> bool:
    """Whether neck and scalp are as every released config has them."""
    neck = encoder.neck
    return bool(
        encoder.scalp == 1
        and neck.fpn_top_down_levels == [2, 3]
        and neck.fpn_interp_model == "nearest"
        and neck.fuse_type == "sum"
        and len(neck.convs) == 4
        and all(level.conv.kernel_size == (1, 1) and level.conv.stride == (1, 1) for level in neck.convs)
    )


def block_without_padding(block: MultiScaleBlock, x: Tensor) -> Tensor:
    """A block of Hiera in eval mode, (1, H, W, C) to (1, H', W', C'), without its windows' padding."""
    size = block.window_size
    fills = size == 0 or (x.shape[1] % size == 0 and x.shape[2] % size == 0)
    if fills and (block.attn.q_pool is None or size == 0):
        found: Tensor = block(x)
        return found
    shortcut, normed = x, block.norm1(x)
    if block.dim != block.dim_out:
        shortcut = _pooled(block.proj(normed), block.q_stride)
    x = shortcut + (_attend_pooled(block, normed) if fills else _attend_in_windows(block, normed))
    attended: Tensor = x + block.mlp(block.norm2(x))
    return attended


def _attend_pooled(block: MultiScaleBlock, x: Tensor) -> Tensor:
    """The attention of a block that pools its queries, in windows that fill its map. Queries are projected
    apart: together with keys and values they are the one piece of a picture's encoding that glibc takes from
    the system anew at every frame (512 px: 38 MB, 9,000 page faults)."""
    attention = block.attn
    size, heads = block.window_size, attention.num_heads
    windows, padded = window_partition(x, size)
    weight, bias = attention.qkv.weight, attention.qkv.bias
    width = len(weight) // 3
    queries = _pooled(F.linear(windows, weight[:width], bias[:width]), block.q_stride)
    keys_values = F.linear(windows, weight[width:], bias[width:])
    shape = len(windows), size * size, 2, heads, width // heads
    keys, values = (part.transpose(1, 2) for part in keys_values.reshape(shape).unbind(2))
    asked = queries.reshape(len(windows), -1, heads, width // heads).transpose(1, 2)
    found = F.scaled_dot_product_attention(asked, keys, values).transpose(1, 2)
    projected = attention.proj(found.reshape(queries.shape))
    side = queries.shape[1]
    pooled = padded[0] * side // size, padded[1] * side // size
    joined: Tensor = window_unpartition(projected, side, pooled, pooled)
    return joined


def _pooled(x: Tensor, stride: Size | None) -> Tensor:
    """(B, H, W, C) with the largest of each rectangle of cells; itself without a stride. A pooling layer asks
    the compiler for the places of the largest as well, and takes three times as long."""
    if stride is None:
        return x
    (batch, height, width, channels), (rows, columns) = x.shape, stride
    cells = x.reshape(batch, height // rows, rows, width // columns, columns, channels)
    tallest = functools.reduce(torch.maximum, cells.unbind(2))
    return functools.reduce(torch.maximum, tallest.unbind(3))


def _attend_in_windows(block: MultiScaleBlock, x: Tensor) -> Tensor:
    """The attention of a block whose windows do not fill its map: whole windows, and those cut by an edge."""
    attention, size = block.attn, block.window_size
    stride = 1 if block.q_stride is None else block.q_stride[0]
    queries, keys, values = attention.qkv(x).chunk(3, dim=-1)
    if attention.q_pool is not None:
        queries = _pooled(queries, block.q_stride)
    # What pads is zero before the projection: its keys and values are the bias.
    _, pad_key, pad_value = attention.qkv.bias.chunk(3)
    bands = []
    for top, bottom, height in _spans(x.shape[1], size):
        across = []
        for left, right, width in _spans(x.shape[2], size):
            asked = queries[:, top // stride : bottom // stride, left // stride : right // stride]
            read = [part[:, top:bottom, left:right] for part in (keys, values)]
            window = height // stride, width // stride
            read_keys, read_values = (_windows(part, (height, width), attention.num_heads) for part in read)
            found = F.scaled_dot_product_attention(
                *_padded(
                    _windows(asked, window, attention.num_heads),
                    read_keys,
                    read_values,
                    pad_key,
                    pad_value,
                    size * size - height * width,
                )
            )
            across.append(_from_windows(found, window, asked.shape))
        bands.append(torch.cat(across, dim=2))
    projected: Tensor = attention.proj(torch.cat(bands, dim=1))
    return projected


def _spans(length: int, size: int) -> list[tuple[int, int, int]]:
    """Start, end and length of a window: of the whole ones together, and of the one that is cut."""
    whole = length // size * size
    return [span for span in ((0, whole, size), (whole, length, length - whole)) if span[0] < span[1]]


def _windows(x: Tensor, window: Size, heads: int) -> Tensor:
    """(1, H, W, C) to (windows, heads, cells, C / heads)."""
    _, height, width, channels = x.shape
    rows, columns = window
    parted = x.reshape(height // rows, rows, width // columns, columns, heads, channels // heads)
    return parted.permute(0, 2, 4, 1, 3, 5).flatten(3, 4).flatten(0, 1)


def _from_windows(x: Tensor, window: Size, shape: Sequence[int]) -> Tensor:
    """`_windows` undone; `shape` is (1, H, W, C)."""
    rows, columns = window
    _, height, width, channels = shape
    parted = x.reshape(height // rows, width // columns, x.shape[1], rows, columns, x.shape[3])
    return parted.permute(0, 3, 1, 4, 2, 5).reshape(1, height, width, channels)


def _padded(
    queries: Tensor, keys: Tensor, values: Tensor, pad_key: Tensor, pad_value: Tensor, cells: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Arguments of attention in windows of which so many cells are padding: one key that weighs as much."""
    if cells == 0:
        return queries, keys, values, None
    shape = (len(keys), *keys.shape[1:2], 1, keys.shape[3])
    pads = (
        pad.to(keys.dtype).reshape(1, shape[1], 1, shape[3]).expand(shape) for pad in (pad_key, pad_value)
    )
    keys, values = (torch.cat(pair, dim=2) for pair in zip((keys, values), pads, strict=True))
    weight = F.pad(queries.new_zeros(keys.shape[2] - 1), (0, 1), value=math.log(cells))
    return queries, keys, values, weight.expand(1, 1, queries.shape[2], -1)
