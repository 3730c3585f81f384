"""Pooled memory against attention written out over every token."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from streamtrack.errors import ConfigError
from streamtrack.model.families import build_module
from streamtrack.model.sam2.attention import MemoryReader, MemoryTokens, RotaryProjection, weighted_sum
from streamtrack.model.sam2.network import Sam2Network
from streamtrack.weights.catalog import get_entry


@pytest.mark.parametrize(("filled_up", "rows", "columns"), [(False, 4, 4), (True, 4, 4), (True, 4, 6)])
@torch.inference_mode()
def test_pooled_read_equals_explicit_attention_over_squares(filled_up: bool, rows: int, columns: int) -> None:
    torch.manual_seed(1)
    cells, frames, pointers = rows * columns, 3, 8
    module: Any = build_module(get_entry("nano"), 128).memory_attention
    width = module.d_model
    reader = MemoryReader(module, (rows, columns), torch.randn(1, cells, width), pool=2)
    parts = reader._layers[0]
    layer, rotary = parts.layer, parts.cross
    length, memory_dim = frames * cells + pointers, layer.cross_attn_image.kv_in_dim
    memory = MemoryTokens(torch.randn(2, length, memory_dim), torch.randn(2, length, memory_dim), pointers)
    if filled_up:
        absent = torch.zeros(2, length, dtype=torch.bool)
        absent[1, 2 * cells : 3 * cells] = True
        absent[1, -2:] = True
        memory = MemoryTokens(memory.values, memory.keys, pointers, absent)
    x = torch.randn(2, cells, width)
    found = reader._attend_to_memory(parts, x, memory) - x

    attention = layer.cross_attn_image
    queries, keys = rotary.queries(layer.norm2(x)), rotary.keys(memory.keys, num_unrotated=pointers)
    unseen = memory.absent
    for b in range(2):
        weights, values = [], []
        for t in range(frames):
            for row in range(0, rows, 2):
                for column in range(0, columns, 2):
                    first = t * cells + row * columns + column
                    square = [first, first + 1, first + columns, first + columns + 1]
                    score = queries[b] @ keys[b, square].mean(0) / math.sqrt(keys.shape[-1])
                    there = unseen is None or not unseen[b, square[0]]
                    weights.append(4 * score.exp() * there)  # as much as four tokens
                    values.append(memory.values[b, square].mean(0))
        for index in range(length - pointers, length):
            score = queries[b] @ keys[b, index] / math.sqrt(keys.shape[-1])
            there = unseen is None or not unseen[b, index]
            weights.append(score.exp() * there)
            values.append(memory.values[b, index])
        weight = torch.stack(weights, dim=1)
        summed = (weight / weight.sum(1, keepdim=True)) @ torch.stack(values)
        expected = attention.out_proj(attention.v_proj(summed))
        torch.testing.assert_close(found[b], expected, atol=1e-5, rtol=1e-4)  # float32 sums, another order


@torch.inference_mode()
def test_rotary_encoding_of_a_wide_grid_turns_by_column_and_row() -> None:
    torch.manual_seed(2)
    rows, columns = 2, 3
    module: Any = build_module(get_entry("nano"), 128)
    attention = module.memory_attention.layers[0].self_attn
    rotary = RotaryProjection(attention, (rows, columns), torch.device("cpu"))
    x = torch.randn(1, rows * columns, attention.q_proj.in_features)
    found = rotary.queries(x) @ rotary.keys(x).transpose(1, 2)

    # Neighbouring channels are the parts of a complex number: the first half of the pairs is turned by the
    # column, the second by the row, each pair slower than the one before (RoPE, arXiv:2104.09864, in 2D).
    width = attention.internal_dim
    speeds = 10000.0 ** (-torch.arange(0, width, 4)[: width // 4] / width)
    expected = torch.zeros(rows * columns, rows * columns)
    queries, keys = (
        attention.q_proj(x)[0].view(-1, width // 2, 2),
        attention.k_proj(x)[0].view(-1, width // 2, 2),
    )
    for q in range(rows * columns):
        for k in range(rows * columns):
            turned = torch.cat(((q % columns - k % columns) * speeds, (q // columns - k // columns) * speeds))
            product = (
                torch.view_as_complex(queries[q].contiguous())
                * torch.view_as_complex(keys[k].contiguous()).conj()
            )
            expected[q, k] = (product * torch.polar(torch.ones_like(turned), turned)).real.sum()
    torch.testing.assert_close(found[0], expected, atol=1e-4, rtol=1e-4)


def test_odd_grid_is_refused_in_one_line() -> None:
    module: Any = build_module(get_entry("nano"), 160)
    module.image_size = 144  # a grid of 9; the product's own sizes give even ones at stride 16
    with pytest.raises(ConfigError, match="memory_pool is 2, expected 1: an image_size of 144 makes"):
        Sam2Network(module, memory_pool=2)


@pytest.mark.parametrize("objects", [1, 2])
@torch.inference_mode()
def test_memory_is_weighed_by_the_softmax_of_its_scores(objects: int) -> None:
    """One object's products are oneDNN's, several objects' torch's own."""
    torch.manual_seed(3)
    width, length, shown = 32, 50, 300  # queries in two pieces
    queries, keys, values = (
        torch.randn(objects, *shape) for shape in ((shown, width), (length, width), (length, 8))
    )
    absent = torch.zeros(objects, length, dtype=torch.bool)
    absent[-1, 10:20] = True
    bias = torch.randn(length)
    scores = queries.double() @ keys.double().transpose(1, 2) / math.sqrt(width) + bias
    expected = torch.softmax(scores.masked_fill(absent[:, None], -torch.inf), dim=-1) @ values.double()
    found = weighted_sum(queries, keys, values, absent, bias).double()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)  # float32 sums
