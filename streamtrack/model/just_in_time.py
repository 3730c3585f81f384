"""The network's two calls of every frame, compiled for a GPU when they are first run.

Each is traced whole and for fixed shapes, so that it can be recorded into a CUDA graph: a first run of a
shape takes long (tens of seconds with an empty cache; inductor keeps its kernels on disk), later ones none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from streamtrack.model.sam2.network import Network
from streamtrack.model.values import FrameFeatures, MaskPrediction, MemoryRead

MAX_SHAPES = 64
"""Shapes of `follow` that are kept compiled; torch's own limit of 8 would be an error at the ninth."""


def can_compile_for_gpu() -> bool:
    """Whether Triton is there, in whose language inductor writes."""
    return importlib.util.find_spec("triton") is not None


class JustInTimeCalls:
    """`Network.encode` and `Network.follow`, compiled at their first run.

    Args:
        backend: of torch.compile.
    """

    def __init__(self, network: Network, backend: str | Callable[..., Any] = "inductor") -> None:
        def compiled(call: Callable[..., Any]) -> Callable[..., Any]:
            return torch.compile(call, backend=backend, fullgraph=True, dynamic=False)

        self._encode = compiled(network.encode_eagerly)
        self._follow = compiled(network.follow_eagerly)

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`."""
        features: FrameFeatures = self._encode(image)
        return features

    def fits(self, memory: MemoryRead) -> bool:
        """Only a memory that is filled up comes in few shapes."""
        return memory.absent is not None

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`, of a memory that fits."""
        with torch._dynamo.config.patch(recompile_limit=MAX_SHAPES):
            found: tuple[MaskPrediction, Tensor] = self._follow(features, memory)
        return found
