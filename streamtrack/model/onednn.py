"""Products of two float32 activations on a CPU, computed by oneDNN.

torch gives oneDNN what is multiplied with weights, and multiplies activations with MKL. Where many keys are
scored that is slower: 256 queries and 7,232 keys of 256 channels take a core of an EPYC 13 ms with MKL and 10
with oneDNN. The operation is the one into which torch's compiler turns linear layers; it takes activations
just as well, but the compiler refuses them unless it is told how (`compiles_products`).
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(slots=True)
class _State:
    compiles: bool = False
    """Whether torch's compiler knows how, at this moment."""


_state = _State()


def takes_products(*tensors: Tensor) -> bool:
    """Whether `product` takes tensors such as these, here and now."""
    # While torch traces what it compiles, it has switched oneDNN off. And the operation has no gradient.
    there = _state.compiles if torch.compiler.is_compiling() else _is_there() and not torch.is_grad_enabled()
    return there and all(one.device.type == "cpu" and one.dtype is torch.float32 for one in tensors)


def _is_there() -> bool:
    backend: Any = torch.backends.mkldnn
    if not (backend.is_available() and backend.enabled and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return False
    # On other processors another library may stand behind the same name.
    return platform.machine() in ("x86_64", "AMD64")


def product(rows: Tensor, columns: Tensor) -> Tensor:
    """(R, L): each row of (R, D) times each of (L, D)."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, columns, None, "none", [], "")
    return found


@contextlib.contextmanager
def compiles_products() -> Iterator[None]:
    """Meanwhile torch's compiler takes what `product` does; where it is another than this knows, `product`
    is not to be had in what is compiled."""
    try:
        from torch._inductor import mkldnn_ir
        from torch._inductor.ir import TensorBox
        from torch._inductor.lowering import lowerings
        from torch._inductor.virtualized import V

        operation = torch.ops.mkldnn._linear_pointwise.default
        of_weights: Any = lowerings[operation]
        create: Any = mkldnn_ir.LinearUnary.create
    except (ImportError, AttributeError, KeyError):
        yield
        return

    def lower(x: Any, w: Any, b: Any, attr: str, scalars: Any, algorithm: str, **options: Any) -> Any:
        weight = getattr(w, "data", None)
        name = getattr(getattr(weight, "data", None), "name", None)
        if name is not None and name in V.graph.constants:
            return of_weights(x, w, b, attr, scalars, algorithm, **options)
        return TensorBox.create(create(x, w, b, attr, scalars, algorithm))

    lowerings[operation] = lower
    _state.compiles = _is_there()
    try:
        yield
    finally:
        _state.compiles = False
        lowerings[operation] = of_weights
