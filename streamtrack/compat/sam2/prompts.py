"""Prompts as sam2's callers write them, as tensors in pixels of the network's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, BOX_SECOND_CORNER
from streamtrack.errors import PromptError, ShapeError
from streamtrack.model.interface import Size

LABELS = (-1, 0, 1, BOX_FIRST_CORNER, BOX_SECOND_CORNER)
"""No point, off the object, on it, and the two corners of a box."""

Points = tuple[Tensor, Tensor]
"""(1, P, 2) float32 x, y in pixels of the network's input, and (1, P) int32."""


@dataclass(frozen=True, slots=True, eq=False)
class GivenPoints:
    """Points and a box as sam2's callers write them."""

    points: Any = None
    """(P, 2) or (1, P, 2), in pixels of the frame, or without `normalize_coords` from 0 to 1."""
    labels: Any = None
    """(P,) or (1, P)."""
    box: Any = None
    """x0, y0, x1, y1 in any shape."""
    clear_old_points: bool = True
    """The frame's earlier points no longer count."""
    normalize_coords: bool = True

    def read(self, object_id: int, frame_size: Size, input_size: Size) -> Points:
        """As SAM 2 reads them: the box first, as two points.

        Raises:
            PromptError: neither points nor a box, labels that do not match, values that are no numbers, or a
                box beside earlier points.
        """
        who = f"object {object_id}"
        points, labels, box = self.points, self.labels, self.box
        if box is not None and not self.clear_old_points:
            raise PromptError(f"{who}: a box comes before all points, expected clear_old_points=True")
        if (points is None) != (labels is None):
            raise PromptError(f"{who}: points and labels must be given together")
        if points is None and box is None:
            raise PromptError(f"{who}: neither points nor a box, expected one of them")
        coords = _numbers(who, "points", [] if points is None else points).reshape(-1, 2)
        kinds = _numbers(who, "labels", [] if labels is None else labels).reshape(-1)
        if len(coords) != len(kinds):
            raise PromptError(f"{who}: {len(kinds)} labels for {len(coords)} points, expected one each")
        if not set(kinds.tolist()) <= set(LABELS):
            raise PromptError(f"{who}: labels are {kinds.tolist()}, expected 1 (on the object) or 0 (off it)")
        if box is not None:
            corners = _numbers(who, "box", box)
            if corners.numel() != 4:
                raise PromptError(f"{who}: box has shape {tuple(corners.shape)}, expected x0, y0, x1, y1")
            coords = torch.cat((corners.reshape(2, 2), coords))
            kinds = torch.cat((torch.tensor([BOX_FIRST_CORNER, BOX_SECOND_CORNER], dtype=kinds.dtype), kinds))
        if self.normalize_coords:
            coords = coords / torch.tensor(frame_size[::-1])
        return (coords * torch.tensor(input_size[::-1]))[None], kinds.to(torch.int32)[None]


def join_points(earlier: Points | None, later: Points) -> Points:
    """Both, in their order."""
    if earlier is None:
        return later
    return torch.cat((earlier[0], later[0]), dim=1), torch.cat((earlier[1], later[1]), dim=1)


def read_mask(object_id: int, mask: Any, input_size: Size) -> Tensor:
    """(1, 1, H, W) float32, 0 or 1, at the network's input size; resized as sam2 does.

    Raises:
        ShapeError: not (H, W).
    """
    try:
        given = mask if isinstance(mask, Tensor) else torch.from_numpy(np.array(mask, np.bool_))
    except (TypeError, ValueError):
        raise ShapeError(f"object {object_id}: mask is {type(mask).__name__}, expected (H, W) bool") from None
    if given.dim() != 2 or 0 in given.shape:
        raise ShapeError(f"object {object_id}: mask has shape {tuple(given.shape)}, expected (H, W)")
    full = given.detach().cpu().float()[None, None]
    if full.shape[-2:] == input_size:
        return full
    return (F.interpolate(full, size=input_size, mode="bilinear", antialias=True) >= 0.5).float()


def _numbers(who: str, what: str, values: Any) -> Tensor:
    """float32 on the CPU."""
    try:
        given = values if isinstance(values, Tensor) else torch.from_numpy(np.array(values, np.float32))
    except (TypeError, ValueError):
        raise PromptError(f"{who}: {what} are {type(values).__name__}, expected numbers") from None
    numbers = given.detach().cpu().to(torch.float32)
    if what == "points" and numbers.numel() and (numbers.dim() > 3 or numbers.shape[-1] != 2):
        raise PromptError(f"{who}: points have shape {tuple(numbers.shape)}, expected (P, 2)")
    if not bool(torch.isfinite(numbers).all()):
        raise PromptError(f"{who}: {what} are not finite, expected numbers")
    return numbers
