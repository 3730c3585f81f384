"""Prompts as transformers nests them: image, object, point, and x and y."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, BOX_SECOND_CORNER
from streamtrack.errors import PromptError, ShapeError
from streamtrack.prompt import check_object_id

FILLER = -10
"""Label and place of what fills objects of fewer points up: read as zeros by the network."""
LABELS = (FILLER, -1, 0, 1, BOX_FIRST_CORNER, BOX_SECOND_CORNER)
POINTS_NEST = "[image, object, point, coordinate]"
LABELS_NEST = "[image, object, point]"
BOXES_NEST = "[image, object, coordinate]"

Shares = tuple[Tensor, Tensor]
"""(1, P, 2) float32 x, y as shares of the frame's size, and (1, P) int32 labels."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Prompts of one picture, by object: in pixels of the picture."""

    points: list[list[list[float]]] | None
    labels: list[list[int]] | None
    boxes: list[list[float]] | None


def read_object_ids(obj_ids: Any) -> list[int]:
    """One id or several.

    Raises:
        PromptError: not ids, or one is there twice.
    """
    several = isinstance(obj_ids, Sequence | np.ndarray | Tensor) and not isinstance(obj_ids, str)
    found = [check_object_id(one) for one in (obj_ids if several else [obj_ids])]
    if len(set(found)) < len(found) or not found:
        raise PromptError(f"obj_ids are {found}, expected ids that differ")
    return found


def read_nested(points: Any, labels: Any, boxes: Any) -> Nested:
    """The prompts of the one picture that they are for.

    Raises:
        PromptError: nested otherwise, of unequal numbers, or values that are no numbers.
    """
    if (points is None) != (labels is None):
        raise PromptError("input_points and input_labels must be given together")
    if points is None and boxes is None:
        raise PromptError("neither input_points nor input_boxes nor input_masks, expected one of them")
    found_points = None if points is None else _one_picture("input_points", points, 4, POINTS_NEST)
    found_labels = None if labels is None else _one_picture("input_labels", labels, 3, LABELS_NEST)
    found_boxes = None if boxes is None else _one_picture("input_boxes", boxes, 3, BOXES_NEST)
    if found_points is not None and found_labels is not None:
        _require_equally_many(found_points, found_labels)
    for box in found_boxes or ():
        if len(box) != 4:
            raise PromptError(f"input_boxes hold {box}, expected x0, y0, x1, y1")
    return Nested(found_points, found_labels, found_boxes)


def by_object(object_ids: Sequence[int], given: Nested, frame_size: tuple[int, int]) -> list[Shares]:
    """Each object's points as the network reads them, a box first; equally many, with fillers at the end.

    Raises:
        PromptError: not as many points or boxes as ids.
    """
    counts = {"points": given.points, "labels": given.labels, "boxes": given.boxes}
    for what, found in counts.items():
        if found is not None and len(found) != len(object_ids):
            raise PromptError(
                f"input_{what} are of {len(found)} objects, expected {len(object_ids)}: one for each id"
            )
    size = torch.tensor([frame_size[1], frame_size[0]], dtype=torch.float32)
    longest = max(map(len, given.points)) if given.points else 0
    shares = []
    for index in range(len(object_ids)):
        coords = torch.empty(0, 2)
        kinds = torch.empty(0, dtype=torch.int32)
        if given.boxes is not None:
            coords = torch.tensor(given.boxes[index], dtype=torch.float32).view(2, 2) / size
            kinds = torch.tensor([BOX_FIRST_CORNER, BOX_SECOND_CORNER], dtype=torch.int32)
        if given.points is not None and given.labels is not None:
            own = torch.tensor(given.points[index], dtype=torch.float32).view(-1, 2) / size
            fillers = longest - len(own)
            coords = torch.cat((coords, own, torch.zeros(fillers, 2)))
            labels = torch.tensor([*given.labels[index], *[FILLER] * fillers], dtype=torch.int32)
            kinds = torch.cat((kinds, labels))
        shares.append((coords[None], kinds[None]))
    return shares


def read_masks(object_ids: Sequence[int], masks: Any) -> list[Tensor]:
    """A mask each, (H, W).

    Args:
        masks: one, a list of them, or an array of as many as there are ids; (H, W) with ones before it.
    Raises:
        PromptError: not as many masks as ids.
        ShapeError: not masks.
    """
    stacked = isinstance(masks, np.ndarray | Tensor) and masks.ndim > 2 and len(masks) == len(object_ids) > 1
    given = list(masks) if stacked or isinstance(masks, list | tuple) else [masks]
    if len(given) != len(object_ids):
        raise PromptError(f"input_masks are {len(given)}, expected {len(object_ids)}: a mask for each id")
    found = []
    for object_id, mask in zip(object_ids, given, strict=True):
        try:
            plane = mask if isinstance(mask, Tensor) else torch.from_numpy(np.array(mask, np.bool_))
        except (TypeError, ValueError):
            raise ShapeError(
                f"object {object_id}: mask is {type(mask).__name__}, expected (H, W) bool"
            ) from None
        flat = (
            plane.reshape(plane.shape[-2:]) if math.prod(plane.shape[:-2]) == 1 and plane.dim() > 1 else plane
        )
        if flat.dim() != 2 or 0 in flat.shape:
            raise ShapeError(f"object {object_id}: mask has shape {tuple(plane.shape)}, expected (H, W)")
        found.append(flat)
    return found


def _one_picture(what: str, values: Any, depth: int, nest: str) -> Any:
    """The plain lists of the one picture."""
    plain = _plain(what, values)
    found = _depth(plain)
    if found != depth:
        raise PromptError(f"{what} are nested {found} deep, expected {depth}: {nest}")
    if len(plain) != 1:
        raise PromptError(f"{what} are of {len(plain)} images, expected 1: a frame at a time")
    _require_numbers(what, plain[0], depth - 1, nest)
    return plain[0]


def _plain(what: str, values: Any) -> Any:
    if isinstance(values, np.ndarray | Tensor | np.generic):
        return values.tolist()
    if isinstance(values, list | tuple):
        return [_plain(what, value) for value in values]
    return values


def _depth(values: Any) -> int:
    if not isinstance(values, list):
        return 0
    return 1 + max((_depth(value) for value in values), default=0)


def _require_numbers(what: str, values: Any, depth: int, nest: str) -> None:
    if depth == 0:
        if isinstance(values, bool | int | float) and math.isfinite(values):
            return
        raise PromptError(f"{what} hold {values!r}, expected numbers")
    if not isinstance(values, list):
        raise PromptError(f"{what} are nested unevenly, expected {nest}")
    for value in values:
        _require_numbers(what, value, depth - 1, nest)


def _require_equally_many(points: list[list[list[float]]], labels: list[list[int]]) -> None:
    if [len(one) for one in points] != [len(one) for one in labels]:
        raise PromptError(
            f"input_labels are {[len(one) for one in labels]} by object, expected "
            f"{[len(one) for one in points]}: a label for each point"
        )
    for point in (point for one in points for point in one):
        if len(point) != 2:
            raise PromptError(f"input_points hold {point}, expected x, y")
    strange = sorted({label for one in labels for label in one}.difference(LABELS))
    if strange:
        raise PromptError(f"input_labels hold {strange[0]}, expected 1 (on the object) or 0 (off it)")
