"""Prompts: what a user says of an object, checked against the frame that it is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, BOX_SECOND_CORNER, CheckedPrompt
from streamtrack.errors import PromptError, ShapeError
from streamtrack.frame import BoolMask


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What a user says of an object on a frame: points, a box, a box and points, or a mask."""

    object_id: int
    """The caller's name for the object."""
    points: Sequence[tuple[float, float]] | None = None
    """x, y in pixels of the frame."""
    labels: Sequence[int] | None = None
    """One for each point: 1 on the object, 0 off it; all 1 where left out."""
    box: Sequence[float] | None = None
    """x0, y0, x1, y1 in pixels of the frame."""
    mask: BoolMask | None = None
    """(H, W) bool, the size of the frame."""
    label: str = ""
    """What a person calls the object."""


def check_prompt(prompt: Prompt, frame_size: tuple[int, int], *, starts_object: bool) -> CheckedPrompt:
    """Check a prompt against the frame that it is for.

    Args:
        frame_size: H, W in pixels.
        starts_object: True for an object's first prompt, which must say where the object is.
    Raises:
        PromptError: nothing to go by, a point outside the frame, an empty box, labels that do not fit.
        ShapeError: a mask of another size than the frame.
    """
    who = f"object {prompt.object_id}"
    has_points = prompt.points is not None and len(prompt.points) > 0
    if prompt.mask is not None:
        if has_points or prompt.box is not None:
            raise PromptError(f"{who}: a mask came with points or a box, expected one or the other")
        return CheckedPrompt(*_no_points(), _check_mask(who, prompt.mask, frame_size), frame_size)
    if not has_points and prompt.box is None:
        raise PromptError(f"{who}: the prompt is empty, expected points, a box or a mask")
    coords, labels = (
        _check_points(who, prompt.points or (), prompt.labels, frame_size) if has_points else _no_points()
    )
    if prompt.box is not None:
        corners = _check_box(who, prompt.box, frame_size)
        coords = np.concatenate((corners, coords))
        labels = np.concatenate((np.array([BOX_FIRST_CORNER, BOX_SECOND_CORNER], np.int32), labels))
    elif starts_object and not (labels == 1).any():
        raise PromptError(f"{who}: every point has label 0, expected at least one on the object (label 1)")
    return CheckedPrompt(coords, labels, None, frame_size)


def _no_points() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    return np.zeros((0, 2), np.float32), np.zeros(0, np.int32)


def _check_points(
    who: str,
    points: Sequence[tuple[float, float]],
    labels: Sequence[int] | None,
    frame_size: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    coords = _as_floats(who, "points", points)
    if coords.ndim != 2 or coords.shape[1] != 2:
        raise PromptError(f"{who}: points have shape {coords.shape}, expected (P, 2)")
    height, width = frame_size
    for index, (x, y) in enumerate(coords.tolist()):
        if not (0 <= x < width and 0 <= y < height):
            raise PromptError(
                f"{who}: point {index} is ({x:g}, {y:g}), expected inside the frame of {width} x {height}"
            )
    if labels is None:
        return coords, np.ones(len(coords), np.int32)
    if len(labels) != len(coords):
        raise PromptError(f"{who}: {len(labels)} labels for {len(coords)} points, expected one each")
    for index, label in enumerate(labels):
        if label not in (0, 1):
            raise PromptError(f"{who}: label {index} is {label!r}, expected 1 (on the object) or 0 (off it)")
    return coords, np.asarray(labels, np.int32)


def _check_box(who: str, box: Sequence[float], frame_size: tuple[int, int]) -> NDArray[np.float32]:
    corners = _as_floats(who, "box", box)
    if corners.shape != (4,):
        raise PromptError(f"{who}: box has shape {corners.shape}, expected x0, y0, x1, y1")
    height, width = frame_size
    x0, y0, x1, y1 = corners.tolist()
    as_given = f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not (x0 < x1 and y0 < y1):
        raise PromptError(f"{who}: box is {as_given}, expected x0 < x1 and y0 < y1")
    # A drag that leaves the picture is cut at its edge.
    clipped = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise PromptError(f"{who}: box is {as_given}, expected inside the frame of {width} x {height}")
    return clipped.reshape(2, 2)


def _check_mask(who: str, mask: BoolMask, frame_size: tuple[int, int]) -> BoolMask:
    array = np.asarray(mask)
    if array.shape != frame_size:
        raise ShapeError(f"{who}: mask has shape {array.shape}, expected {frame_size} as the frame")
    if array.dtype != np.bool_:
        if not np.issubdtype(array.dtype, np.integer):
            raise ShapeError(f"{who}: mask has dtype {array.dtype}, expected bool")
        array = array != 0
    if not array.any():
        raise PromptError(f"{who}: mask is empty, expected at least one pixel")
    return array


def _as_floats(who: str, what: str, values: ArrayLike) -> NDArray[np.float32]:
    try:
        array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise PromptError(f"{who}: {what} are {values!r}, expected numbers") from error
    if not np.isfinite(array).all():
        raise PromptError(f"{who}: {what} are {array.tolist()}, expected finite numbers")
    return array
