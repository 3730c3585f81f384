"""FLOPs and bytes of each stage of a step, counted while a real step runs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from bench.stage_timer import CALLS, synchronise

MORE_FORMULAS: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value)
    ),
}
"""Attention on a CPU, which torch's own table leaves out."""
COPY_FLOATS = 64 * 2**20
"""256 MiB: beyond any cache."""


@dataclass
class Work:
    """What a stage does in one step."""

    flops: int = 0
    """Of matrix products, convolutions and attention, two for each multiply-add; the rest is not counted."""
    least_bytes: int = 0
    """What must be read and written however well it is fused: weights and inputs once, results once."""
    eager_bytes: int = 0
    """What is read and written operation by operation."""


class OpCounter:
    """Adds up the work of the stages of a session's steps."""

    def __init__(self) -> None:
        self.work: dict[str, Work] = defaultdict(Work)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count every call made inside."""
        flops, traffic = FlopCounterMode(display=False, custom_mapping=MORE_FORMULAS), _Traffic()
        with ExitStack() as stack:
            for owner, name, stage in CALLS:
                counted = self._counted(getattr(owner, name), self.work[stage], flops, traffic)
                stack.enter_context(mock.patch.object(owner, name, counted))
            stack.enter_context(flops)
            stack.enter_context(traffic)
            yield

    def _counted(
        self, call: Callable[..., Any], work: Work, flops: FlopCounterMode, traffic: _Traffic
    ) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            flops_before, eager_before = flops.get_total_flops(), traffic.eager_bytes
            outer = traffic.begin_stage()
            result = call(*args, **kwargs)
            work.flops += flops.get_total_flops() - flops_before
            work.eager_bytes += traffic.eager_bytes - eager_before
            work.least_bytes += traffic.end_stage(outer) + sum(one.nbytes for one in _tensors(result))
            return result

        return counted


class _Traffic(TorchDispatchMode):
    """Bytes that operations read and write, and which of them came from outside the current stage."""

    def __init__(self) -> None:
        super().__init__()
        self.eager_bytes = 0
        self._made: set[int] = set()
        self._read: dict[tuple[int, int], int] = {}

    def begin_stage(self) -> tuple[set[int], dict[tuple[int, int], int]]:
        """Forget what was made; returns the stage around, for `end_stage`."""
        outer = self._made, self._read
        self._made, self._read = set(), {}
        return outer

    def end_stage(self, outer: tuple[set[int], dict[tuple[int, int], int]]) -> int:
        """Bytes that the stage read from outside itself, each tensor once."""
        total = sum(self._read.values())
        self._made, self._read = outer
        return total

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        inputs, outputs = _tensors((args, kwargs)), _tensors(result)
        for one in inputs:
            address = one.untyped_storage().data_ptr()
            if address not in self._made:
                self._read.setdefault((address, int(one.storage_offset())), one.nbytes)
        known = {one.untyped_storage().data_ptr() for one in inputs}
        moved = [one for one in outputs if one.untyped_storage().data_ptr() not in known]
        if moved or func._schema.is_mutable:  # else it is a view, and moves nothing
            self.eager_bytes += sum(one.nbytes for one in (*inputs, *outputs))
        self._made.update(one.untyped_storage().data_ptr() for one in moved)
        return result


def _tensors(value: Any) -> list[Tensor]:
    """Every tensor in nested containers and dataclasses."""
    found: list[Tensor] = []
    for leaf in tree_leaves(value):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            found += _tensors([getattr(leaf, field.name) for field in fields(leaf)])
    return found


@torch.inference_mode()
def measure_peaks(device: str, dtype: torch.dtype, *, side: int = 2048, repeats: int = 9) -> dict[str, float]:
    """FLOP/s of a matrix product and bytes/s of a copy (read and written), the best of some: the device's
    own peaks."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    source = torch.zeros(COPY_FLOATS, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    best = {"matmul_flops_per_s": 0.0, "copy_bytes_per_s": 0.0}
    for _ in range(repeats):
        for key, amount, call in (
            ("matmul_flops_per_s", 2 * side**3, lambda: a @ b),
            ("copy_bytes_per_s", 2 * source.nbytes, lambda: target.copy_(source)),
        ):
            synchronise(device)
            started = time.perf_counter()
            call()
            synchronise(device)
            best[key] = max(best[key], amount / (time.perf_counter() - started))
    return best
