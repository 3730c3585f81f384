"""Networks small enough to be compiled in a test, and what stands for a compiled library of theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from streamtrack.config import ModelConfig
from streamtrack.model.build import LoadedModel, load_model
from streamtrack.model.interface import MemoryRead, Network

SIZE = 128
"""Pixels, of the picture's sides."""


def nano(**options: object) -> LoadedModel:
    return load_model(ModelConfig.model_validate({"image_size": SIZE, "device": "cpu", **options}))


def memory_of(network: Network, objects: int, expected: Tensor | None = None) -> MemoryRead:
    g, seeded = network.geometry, torch.Generator().manual_seed(objects)
    return MemoryRead(
        torch.randn(objects, 3, g.memory_tokens, g.memory_dim, generator=seeded).to(g.memory_dtype),
        torch.tensor([[6, 1, 0]]).repeat(objects, 1),
        torch.randn(objects, 5, g.pointer_dim, generator=seeded),
        torch.arange(5.0).repeat(objects, 1),
        expected=expected,
    )


def blind_library(call: Callable[..., Sequence[Tensor]], example: Sequence[Tensor]) -> Callable[..., Any]:
    """Stands for a compiled library, which reads memory as its examples lay and looks at no strides."""

    def run(*tensors: Tensor) -> Sequence[Tensor]:
        seen = []
        for tensor, shown in zip(tensors, example, strict=True):
            dense = torch.empty(tensor.shape, dtype=tensor.dtype)
            if shown.dim() == 4 and not shown.is_contiguous():
                dense = dense.contiguous(memory_format=torch.channels_last)
            seen.append(tensor.as_strided(tensor.shape, dense.stride()))
        with torch.inference_mode():  # no thread of a library's needs to be told
            return call(*seen)

    return run
