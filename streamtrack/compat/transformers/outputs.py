"""What transformers' calls return: read by attribute, by key or by place, as there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor


class _Readable:
    """A dataclass that is read as a mapping, too; fields that are None are left out of it."""

    def keys(self) -> list[str]:
        """Of the fields that are there."""
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]  # type: ignore[arg-type]

    def items(self) -> list[tuple[str, Any]]:
        """Names and values of the fields that are there."""
        return [(name, getattr(self, name)) for name in self.keys()]

    def to_tuple(self) -> tuple[Any, ...]:
        """The values of the fields that are there."""
        return tuple(value for _, value in self.items())

    def get(self, name: str, default: Any = None) -> Any:
        """A field, or the default where there is none."""
        return getattr(self, name) if name in self.keys() else default

    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, str):
            return dict(self.items())[key]
        return self.to_tuple()[key]

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


@dataclass(slots=True, eq=False)
class Sam2VideoSegmentationOutput(_Readable):
    """All objects on one frame."""

    object_ids: list[int]
    pred_masks: Tensor
    """(N, 1, h, w) float32 mask logits of the network's own size; `post_process_masks` brings them to the
    film's."""
    object_score_logits: Tensor
    """(N, 1) float32, above 0 means visible."""
    frame_idx: int


@dataclass(slots=True, eq=False)
class Sam2VideoInputs(_Readable):
    """Pictures and prompts for the network."""

    pixel_values: Tensor | None
    """(B, 3, S, S) float32, normalised."""
    original_sizes: Any
    """B times H, W in pixels: (B, 2) long with `return_tensors="pt"`, else lists."""
    input_points: Tensor | None = None
    """(B, N, P, 2) float32 in pixels of the network's input."""
    input_labels: Tensor | None = None
    """(B, N, P) long."""
    input_boxes: Tensor | None = None
    """(B, N, 4) float32 in pixels of the network's input."""

    def to(self, *where: Any, **options: Any) -> Self:
        """Itself with its tensors on another device; a dtype is for those of floats."""
        for name, value in self.items():
            if isinstance(value, Tensor):
                as_float = value.is_floating_point()
                places = [one for one in where if as_float or not isinstance(one, torch.dtype)]
                kept = {key: one for key, one in options.items() if as_float or key != "dtype"}
                setattr(self, name, value.to(*places, **kept) if places or kept else value)
        return self
