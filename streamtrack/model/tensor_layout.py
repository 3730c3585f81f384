"""The one place where tensors cross into compiled or captured code.

Such code was made from example tensors. It reads memory as they lay: a library does not look at strides,
a captured graph not even at addresses. So every tensor that goes in is checked against its example and, where
it lies otherwise (a permuted view, a slice), laid out anew; what lies right is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from streamtrack.errors import ShapeError


@dataclass(frozen=True, slots=True)
class TensorLayout:
    """How one tensor must lie."""

    dtype: torch.dtype
    shape: tuple[int | None, ...]
    """Lengths; None for one that varies."""
    channels_last: bool
    """Whether a (B, C, H, W) tensor lies as B, H, W, C; else as its shape says."""

    @classmethod
    def of(cls, example: Tensor, varies: Sequence[int] | None = ()) -> TensorLayout:
        """The layout of an example.

        Args:
            varies: dimensions whose length may differ; None: all.
        """
        free = range(example.dim()) if varies is None else varies
        shape = tuple(None if index in free else length for index, length in enumerate(example.shape))
        return cls(example.dtype, shape, _is_channels_last(example))

    def apply(self, tensor: Tensor, what: str) -> Tensor:
        """The same numbers, laid out so; the tensor itself where it is.

        Raises:
            ShapeError: another shape, or a type that would change the numbers.
        """
        shape = tuple(tensor.shape)
        fits = len(shape) == len(self.shape) and all(
            expected is None or length == expected for length, expected in zip(shape, self.shape, strict=True)
        )
        both_floats = tensor.is_floating_point() and self.dtype.is_floating_point
        if not fits or (tensor.dtype != self.dtype and not both_floats):
            lengths = ", ".join("any" if length is None else str(length) for length in self.shape)
            raise ShapeError(f"{what} is {shape} {tensor.dtype}, expected ({lengths}) {self.dtype}")
        memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
        return tensor.to(self.dtype).contiguous(memory_format=memory_format)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `from_json`."""
        name = str(self.dtype).removeprefix("torch.")
        return {"dtype": name, "shape": list(self.shape), "channels_last": self.channels_last}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TensorLayout:
        """What `as_json` made.

        Raises:
            ValueError: something else.
        """
        try:
            dtype = getattr(torch, values["dtype"])
            return cls(dtype, tuple(values["shape"]), bool(values["channels_last"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{values!r} is no tensor layout") from error


def apply_layouts(layouts: Sequence[TensorLayout], tensors: Sequence[Tensor], what: str) -> list[Tensor]:
    """Every tensor laid out as its example was.

    Raises:
        ShapeError: one does not fit.
    """
    return [
        layout.apply(tensor, f"{what}: input {index}")
        for index, (layout, tensor) in enumerate(zip(layouts, tensors, strict=True))
    ]


def refill(buffer: Tensor, tensor: Tensor, what: str) -> None:
    """Write a tensor into the buffer that captured code reads.

    Raises:
        ShapeError: another shape or type than the buffer's; a plain copy would spread or round it.
    """
    buffer.copy_(TensorLayout.of(buffer).apply(tensor, what))


def _is_channels_last(tensor: Tensor) -> bool:
    # A tensor of one channel or one pixel is both; it then counts as plain.
    return (
        tensor.dim() == 4
        and not tensor.is_contiguous()
        and tensor.is_contiguous(memory_format=torch.channels_last)
    )
