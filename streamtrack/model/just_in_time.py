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

from streamtrack.model.interface import FrameFeatures, MaskPrediction, MemoryRead, Network
from streamtrack.model.tensor_layout import TensorLayout, apply_layouts

MAX_SHAPES = 64
"""Shapes of `follow` that are kept compiled, with `expected` and without: torch's own limit of 8 would be an
error at the ninth."""


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
        # Of the first tensors that came: others are laid out as those were, so that nothing is traced anew
        # because of strides.
        self._image_layout: list[TensorLayout] = []
        self._follow_layouts: list[TensorLayout] = []
        self._expected_layout: list[TensorLayout] = []

    def encode(self, image: Tensor) -> FrameFeatures:
        """As `Network.encode`."""
        [image] = _as_the_first(self._image_layout, [image], "encode")
        features: FrameFeatures = self._encode(image)
        return features

    def fits(self, memory: MemoryRead) -> bool:
        """Only a memory that is filled up comes in few shapes."""
        return memory.absent is not None

    def follow(self, features: FrameFeatures, memory: MemoryRead) -> tuple[MaskPrediction, Tensor]:
        """As `Network.follow`, of a memory that fits; with and without `expected` are two compilations."""
        assert memory.absent is not None  # see `fits`
        banked = (memory.features, memory.slots, memory.pointers, memory.pointer_ages)
        parts = [*features.tensors(), *banked, *memory.absent]
        *of_frame, remembered, slots, pointers, ages, no_frame, no_pointer = _as_the_first(
            self._follow_layouts, parts, "follow"
        )
        features = features.like(of_frame)
        expected = memory.expected
        if expected is not None:
            [expected] = _as_the_first(self._expected_layout, [expected], "follow")
        memory = MemoryRead(remembered, slots, pointers, ages, (no_frame, no_pointer), expected)
        with torch._dynamo.config.patch(recompile_limit=MAX_SHAPES):
            found: tuple[MaskPrediction, Tensor] = self._follow(features, memory)
        return found


def _as_the_first(layouts: list[TensorLayout], tensors: list[Tensor], what: str) -> list[Tensor]:
    """The tensors laid out as those of the first call, whose layouts are noted."""
    if not layouts:
        layouts += [TensorLayout.of(tensor, varies=None) for tensor in tensors]
    return apply_layouts(layouts, tensors, f"{what}, compiled just in time")
