"""Memory attention: the current frame's features read an object's memory. Exact, and batched over objects.

The weights are those of sam2's `MemoryAttention`; the way through them is ours, for three reasons. The
first layer's self-attention sees only the image, so all objects share it. Rotary encodings are constants
and stay real-valued (complex tensors do not compile). And a memory's positional terms are added to its keys
once instead of being carried beside them.

Source: SAM 2, arXiv:2408.00714, section 4; memory_attention.py and sam/transformer.py of sam2.modeling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.position_encoding import compute_axial_cis
from sam2.modeling.sam.transformer import RoPEAttention
from torch import Tensor

INPUT_POSITION_WEIGHT = 0.1
"""Weight of the positional encoding at the input, from upstream's MemoryAttention.forward."""


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


class MemoryReader:
    """Reads memory through a `MemoryAttention` module of a fixed feature size.

    Args:
        module: the checkpoint's memory attention, in eval mode.
        grid: side of the feature map at stride 16; HW is `grid` squared.
        position: (1, HW, C), the image's sine encoding.
    """

    def __init__(self, module: MemoryAttention, grid: int, position: Tensor) -> None:
        self._module = module
        self._input_position = INPUT_POSITION_WEIGHT * position if module.pos_enc_at_input else None
        self._position = position
        self._rotations = [
            (_Rotation(layer.self_attn, grid, position), _Rotation(layer.cross_attn_image, grid, position))
            for layer in module.layers
        ]

    def read(self, features: Tensor, memory: MemoryTokens) -> Tensor:
        """Condition the frame's features on each object's memory.

        Args:
            features: (1, HW, C), the current frame, shared by all objects.
            memory: of B objects.
        Returns:
            (B, HW, C).
        """
        x = features if self._input_position is None else features + self._input_position
        for index, (layer, (own_rotation, cross_rotation)) in enumerate(
            zip(self._module.layers, self._rotations, strict=True)
        ):
            x = self._attend_to_self(layer, own_rotation, x)
            if index == 0:
                # Until here nothing depended on the object: one pass served all of them.
                x = x.expand(memory.values.shape[0], -1, -1)
            x = self._attend_to_memory(layer, cross_rotation, x, memory)
            x = x + layer.linear2(layer.activation(layer.linear1(layer.norm3(x))))
        normed: Tensor = self._module.norm(x)
        return normed

    def _attend_to_self(self, layer: MemoryAttentionLayer, rotation: _Rotation, x: Tensor) -> Tensor:
        normed = layer.norm1(x)
        queries_in = normed + self._position if layer.pos_enc_at_attn else normed
        attention = layer.self_attn
        queries = rotation.apply(_split_heads(attention.q_proj(queries_in), attention.num_heads))
        keys = rotation.apply(_split_heads(attention.k_proj(queries_in), attention.num_heads))
        values = _split_heads(attention.v_proj(normed), attention.num_heads)
        attended = F.scaled_dot_product_attention(queries, keys, values)
        attended_to_self: Tensor = x + attention.out_proj(_join_heads(attended))
        return attended_to_self

    def _attend_to_memory(
        self, layer: MemoryAttentionLayer, rotation: _Rotation, x: Tensor, memory: MemoryTokens
    ) -> Tensor:
        normed = layer.norm2(x)
        if layer.pos_enc_at_cross_attn_queries:
            normed = normed + self._position
        attention = layer.cross_attn_image
        queries = rotation.apply(_split_heads(attention.q_proj(normed), attention.num_heads))
        keys_in = memory.keys if layer.pos_enc_at_cross_attn_keys else memory.values
        keys = _split_heads(attention.k_proj(keys_in), attention.num_heads)
        keys = rotation.apply(keys, num_unrotated=memory.num_pointer_tokens)
        values = _split_heads(attention.v_proj(memory.values), attention.num_heads)
        attended = F.scaled_dot_product_attention(queries, keys, values)
        attended_to_memory: Tensor = x + attention.out_proj(_join_heads(attended))
        return attended_to_memory


class _Rotation:
    """Axial rotary encoding of one attention layer, as cosines and sines (upstream: complex numbers)."""

    def __init__(self, attention: RoPEAttention, grid: int, like: Tensor) -> None:
        head_dim = attention.internal_dim // attention.num_heads
        theta = attention.compute_cis.keywords["theta"]
        # upstream's own table, so that a change of its layout cannot go unseen: (HW, head_dim / 2) complex
        rotation = compute_axial_cis(dim=head_dim, end_x=grid, end_y=grid, theta=theta)
        self._cos = rotation.real.to(like.device, torch.float32)
        self._sin = rotation.imag.to(like.device, torch.float32)

    def apply(self, x: Tensor, num_unrotated: int = 0) -> Tensor:
        """Rotate (B, heads, T * HW + num_unrotated, D) by each token's place in the image."""
        batch, heads, tokens, dim = x.shape
        num_rotated = tokens - num_unrotated
        positions = self._cos.shape[0]
        pairs = x[:, :, :num_rotated].float().reshape(batch, heads, -1, positions, dim // 2, 2)
        even, odd = pairs.unbind(-1)
        rotated = torch.stack(
            (even * self._cos - odd * self._sin, even * self._sin + odd * self._cos), dim=-1
        )
        rotated = rotated.reshape(batch, heads, num_rotated, dim).to(x.dtype)
        return rotated if num_unrotated == 0 else torch.cat((rotated, x[:, :, num_rotated:]), dim=2)


def _split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, L, C) to (B, heads, L, C / heads)."""
    batch, tokens, width = x.shape
    return x.reshape(batch, tokens, num_heads, width // num_heads).transpose(1, 2)


def _join_heads(x: Tensor) -> Tensor:
    """(B, heads, L, D) to (B, L, heads * D)."""
    batch, heads, tokens, dim = x.shape
    return x.transpose(1, 2).reshape(batch, tokens, heads * dim)
