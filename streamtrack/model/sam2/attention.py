"""Memory attention: the current frame's features read an object's memory. Exact, and batched over objects.

The weights are those of sam2's `MemoryAttention`; the way through them is ours. Rotary encodings are
constants and stay real-valued (complex tensors do not compile). A memory's positional terms are added to its
keys once. And on a CPU values are projected after they were summed, for the output at once.

Source: SAM 2, arXiv:2408.00714, section 4; memory_attention.py and sam/transformer.py of sam2.modeling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.position_encoding import compute_axial_cis
from sam2.modeling.sam.transformer import RoPEAttention
from torch import Tensor, nn

from streamtrack.errors import CheckpointError
from streamtrack.model.interface import Size
from streamtrack.model.onednn import product, takes_products
from streamtrack.model.sam2.folding import Affine, fold_linear

INPUT_POSITION_WEIGHT = 0.1
"""Weight of the positional encoding at the input, from upstream's MemoryAttention.forward."""
QUERIES_AT_ONCE = 256
"""Rows of one object's score matrix that a CPU works on at once; measured best of 64, 128, 256 and all."""


@dataclass(frozen=True, slots=True)
class MemoryTokens:
    """What B objects remember, ready to be read.

    Spatial memory comes first and is rotated by position; object pointers follow and are not.
    """

    values: Tensor
    """(B, T * HW + P * K, memory_dim): memory features, then object pointers cut into K tokens each."""
    keys: Tensor
    """Same shape: `values` plus their spatial and temporal encodings."""
    num_pointer_tokens: int
    """P * K, the tokens at the end that carry no position in the image."""
    absent: Tensor | None = None
    """(B, T * HW + P * K) bool, True for tokens that nobody may read; None: all are real."""

    def one_by_one(self) -> list[MemoryTokens]:
        """Each object's own, a batch of 1."""
        absent = [None] * len(self.values) if self.absent is None else torch.split(self.absent, 1)
        return [
            MemoryTokens(values, keys, self.num_pointer_tokens, hidden)
            for values, keys, hidden in zip(
                torch.split(self.values, 1), torch.split(self.keys, 1), absent, strict=True
            )
        ]


class MemoryReader:
    """Reads memory through a `MemoryAttention` module of a fixed feature size.

    Args:
        module: the checkpoint's memory attention, in eval mode.
        grid: rows and columns of the feature map at stride 16; HW is their product.
        position: (1, HW, C), the image's sine encoding.
        pool: memory tokens are read in squares of this side, keys (rotated) and values averaged; 1: exact.
    """

    def __init__(self, module: MemoryAttention, grid: Size, position: Tensor, *, pool: int = 1) -> None:
        self._module = module
        self._grid = grid
        self._pool = pool
        self._input_position = INPUT_POSITION_WEIGHT * position if module.pos_enc_at_input else None
        self._position = position
        self._layers = [ReadingLayer.of(layer, grid, position.device) for layer in module.layers]

    def attend_to_image(self, features: Tensor) -> Tensor:
        """The first layer's self-attention. It sees only the image, so all objects share it.

        Args:
            features: (1, HW, C), the current frame.
        Returns:
            (1, HW, C), what `read` starts from.
        """
        x = features if self._input_position is None else features + self._input_position
        return self._attend_to_self(self._layers[0], x)

    def read(self, attended: Tensor, memory: MemoryTokens) -> Tensor:
        """Condition the frame's features on each object's memory.

        Args:
            attended: (1, HW, C), from `attend_to_image`.
            memory: of B objects.
        Returns:
            (B, HW, C).
        """
        # On a CPU objects share the first layer's queries, too: until it has read, they differ in nothing.
        x = attended if attended.device.type == "cpu" else attended.expand(memory.values.shape[0], -1, -1)
        for index, parts in enumerate(self._layers):
            if index > 0:
                x = self._attend_to_self(parts, x)
            x = self._attend_to_memory(parts, x, memory)
            layer = parts.layer
            x = x + layer.linear2(layer.activation(layer.linear1(layer.norm3(x))))
        normed: Tensor = self._module.norm(x)
        return normed

    def _attend_to_self(self, parts: ReadingLayer, x: Tensor) -> Tensor:
        layer, rotary = parts.layer, parts.own
        normed = layer.norm1(x)
        positioned = normed + self._position if layer.pos_enc_at_attn else normed
        attention = layer.self_attn
        folded = parts.own_output if x.device.type == "cpu" else None
        attended = F.scaled_dot_product_attention(
            rotary.queries(positioned)[:, None],
            rotary.keys(positioned)[:, None],
            (attention.v_proj(normed) if folded is None else F.linear(normed, *folded))[:, None],
        )[:, 0]
        attended_to_self: Tensor = x + (attention.out_proj(attended) if folded is None else attended)
        return attended_to_self

    def _attend_to_memory(self, parts: ReadingLayer, x: Tensor, memory: MemoryTokens) -> Tensor:
        layer, rotary = parts.layer, parts.cross
        normed = layer.norm2(x)
        if layer.pos_enc_at_cross_attn_queries:
            normed = normed + self._position
        attention = layer.cross_attn_image
        queries = rotary.queries(normed)
        with_position = bool(layer.pos_enc_at_cross_attn_keys)
        if x.device.type == "cpu":
            # The weights of a softmax add up to 1, so the value projection may come after the sum: the sum
            # then runs over the memory's 64 channels and not over its 256 projected ones, and both
            # projections are one.
            return x + F.linear(self._sum_on_cpu(rotary, queries, memory, with_position), *parts.cross_output)
        keys, memory_values, absent, bias = self._read_tokens(rotary, memory, with_position)
        values = attention.v_proj(memory_values)
        mask = None if absent is None else ~absent[:, None, None]
        if bias is not None:
            mask = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
            mask = mask.to(queries.dtype)
        attended = F.scaled_dot_product_attention(
            queries[:, None], keys[:, None], values[:, None], attn_mask=mask
        )[:, 0]
        attended_to_memory: Tensor = x + attention.out_proj(attended)
        return attended_to_memory

    def _sum_on_cpu(
        self, rotary: RotaryProjection, queries: Tensor, memory: MemoryTokens, with_position: bool
    ) -> Tensor:
        """(B, HW, M): B objects' memory as their queries weigh it; queries of a batch of 1 are everyone's."""
        if torch.compiler.is_compiling() or len(memory.values) == 1:  # one graph for any number of objects
            return weighted_sum(queries, *self._read_tokens(rotary, memory, with_position))
        # One object's keys and scores after the other's: together they outgrow the cache.
        own = torch.split(queries.expand(len(memory.values), -1, -1), 1)
        return torch.cat(
            [
                weighted_sum(query, *self._read_tokens(rotary, one, with_position))
                for query, one in zip(own, memory.one_by_one(), strict=True)
            ]
        )

    def _read_tokens(
        self, rotary: RotaryProjection, memory: MemoryTokens, with_position: bool
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Projected keys, values, absent and score bias: a memory as it is read, pooled if asked for."""
        keys_in = memory.keys if with_position else memory.values
        keys = rotary.keys(keys_in, num_unrotated=memory.num_pointer_tokens)
        return (keys, memory.values, memory.absent, None) if self._pool == 1 else self._pooled(keys, memory)

    def _pooled(self, keys: Tensor, memory: MemoryTokens) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Keys, values, absent and score bias (L,) with each square of spatial tokens in one.

        A square must weigh as much as its n tokens did, log n more: the few pointers get log n less instead.

        Source: EfficientTAM, arXiv:2411.18933, which averages the same squares.
        """
        pointers, tokens = memory.num_pointer_tokens, self._pool * self._pool
        spatial = keys.shape[1] - pointers
        keys, values = self._average(keys, spatial), self._average(memory.values, spatial)
        absent = memory.absent
        if absent is not None:  # alike within a memory frame
            absent = torch.cat((absent[:, :spatial:tokens], absent[:, spatial:]), dim=1)
        bias = keys.new_zeros(spatial // tokens + pointers)
        bias[spatial // tokens :] = -math.log(tokens)
        return keys, values, absent, bias

    def _average(self, x: Tensor, spatial: int) -> Tensor:
        """(B, L, D) with its first `spatial` tokens averaged in squares, frame by frame."""
        batch, _, width = x.shape
        pool, (rows, columns) = self._pool, self._grid
        by_place = x[:, :spatial].reshape(batch, -1, rows // pool, pool, columns // pool, pool, width)
        squares = by_place.mean(dim=(3, 5))
        return torch.cat((squares.reshape(batch, -1, width), x[:, spatial:]), dim=1)


def weighted_sum(
    queries: Tensor, keys: Tensor, values: Tensor, absent: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Attention whose values are narrower than its keys; exact, in pieces that fit a CPU's cache.

    Args:
        queries: (B, HW, D), or (1, HW, D) where all objects ask the same.
        keys: (B, L, D).
        values: (B, L, M).
        absent: (B, L) bool, True for keys that weigh nothing.
        bias: (L,), added to the scores of all queries.
    Returns:
        (B, HW, M).
    """
    alone = len(queries) == len(keys) == 1 and takes_products(queries, keys, values)
    # Of one object, values lie as keys do: a row a channel.
    channels = values[0].transpose(0, 1).contiguous() if alone else None
    pieces = []
    for piece in (queries * queries.shape[-1] ** -0.5).split(QUERIES_AT_ONCE, dim=1):
        scores = product(piece[0], keys[0])[None] if alone else piece @ keys.transpose(1, 2)
        if bias is not None:
            scores = scores + bias
        if absent is not None:
            scores = scores.masked_fill(absent[:, None], -torch.inf)
        pieces.append(_weigh(scores, values, channels))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)


def _weigh(scores: Tensor, values: Tensor, channels: Tensor | None) -> Tensor:
    """(B, rows, M): values by the softmax of their scores; of one object also as (M, L), its `channels`."""

    def summed(weights: Tensor) -> Tensor:
        return weights @ values if channels is None else product(weights[0], channels)[None]

    if not torch.compiler.is_compiling() or scores.dtype != torch.float32:
        return summed(torch.softmax(scores, dim=-1))
    # Compiled, what is divided may be the few sums instead of all weights.
    weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    return summed(weights) / weights.sum(dim=-1, keepdim=True)


class RotaryProjection:
    """Query and key projections of one attention layer, followed by its axial rotary encoding.

    Upstream rotates neighbouring channels (0 with 1, 2 with 3, ...) as complex numbers. Here the rows of
    both projections are reordered once, all even channels before all odd ones: scores are sums over
    channels and do not mind, and the rotation becomes four products of contiguous halves.
    """

    def __init__(self, attention: RoPEAttention, grid: Size, device: torch.device) -> None:
        if attention.num_heads != 1:
            raise CheckpointError(f"memory attention has {attention.num_heads} heads, expected 1")
        width = attention.internal_dim
        order = torch.cat((torch.arange(0, width, 2), torch.arange(1, width, 2))).to(device)
        self._query_weight, self._query_bias = _reorder(attention.q_proj, order)
        self._key_weight, self._key_bias = _reorder(attention.k_proj, order)
        theta = attention.compute_cis.keywords["theta"]
        # upstream's own table, so that a change of its layout cannot go unseen: (HW, D / 2) complex
        rotation = compute_axial_cis(dim=width, end_x=grid[1], end_y=grid[0], theta=theta)
        self._cos = rotation.real.to(device, torch.float32)
        self._sin = rotation.imag.to(device, torch.float32)

    def queries(self, x: Tensor) -> Tensor:
        """(B, HW, C) to (B, HW, D)."""
        return self._rotate(F.linear(x, self._query_weight, self._query_bias))

    def keys(self, x: Tensor, num_unrotated: int = 0) -> Tensor:
        """(B, T * HW + num_unrotated, M) to (B, T * HW + num_unrotated, D); the last tokens have no
        position."""
        keys = F.linear(x, self._key_weight, self._key_bias)
        if num_unrotated == 0:
            return self._rotate(keys)
        num_rotated = keys.shape[1] - num_unrotated
        return torch.cat((self._rotate(keys[:, :num_rotated]), keys[:, num_rotated:]), dim=1)

    def _rotate(self, x: Tensor) -> Tensor:
        """Rotate (B, T * HW, D) by each token's place in the image."""
        positions, half = self._cos.shape
        frames = x.float().reshape(x.shape[0], -1, positions, 2 * half)
        even, odd = frames[..., :half], frames[..., half:]
        rotated = torch.cat((even * self._cos - odd * self._sin, even * self._sin + odd * self._cos), dim=-1)
        return rotated.reshape(x.shape).to(x.dtype)


@dataclass(frozen=True, slots=True)
class ReadingLayer:
    """A layer of memory attention with what is known of it in advance."""

    layer: MemoryAttentionLayer
    own: RotaryProjection
    """Of its attention to itself."""
    cross: RotaryProjection
    """Of its attention to memory."""
    own_output: Affine | None
    """What attention to itself sums up, for its output at once: a sum with weights that add up to 1. None
    where keys and outputs differ in width, which CPUs' attention does not take."""
    cross_output: Affine
    """The same for memory's values once they are summed."""

    @classmethod
    def of(cls, layer: MemoryAttentionLayer, grid: Size, device: torch.device) -> ReadingLayer:
        """The layer of a checkpoint, in eval mode."""
        own, cross = layer.self_attn, layer.cross_attn_image
        same_width = own.out_proj.out_features == own.internal_dim
        return cls(
            layer,
            RotaryProjection(own, grid, device),
            RotaryProjection(cross, grid, device),
            fold_linear(own.v_proj, own.out_proj) if same_width else None,
            fold_linear(cross.v_proj, cross.out_proj),
        )


def _reorder(projection: nn.Linear, order: Tensor) -> tuple[Tensor, Tensor]:
    return projection.weight.detach()[order], projection.bias.detach()[order]
