"""A prompt, checked against the frame that it is for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.prompt_input import BOX_FIRST_CORNER, BOX_SECOND_CORNER, CheckedPrompt
from streamtrack.errors import PromptError, ShapeError
from streamtrack.frame import BoolMask
from streamtrack.prompt import Prompt

__all__ = ["Prompt", "check_prompt"]


def check_prompt(prompt: Prompt, frame_size: tuple[int, int], *, starts_object: bool) -> CheckedPrompt:
    """Check a prompt against the frame that it is for.

    Args:
        frame_size: H, W in pixels.
        starts_object: True for an object's first prompt, which must say where the object is.
    Raises:
        PromptError: nothing to go by, a point outside the frame, an empty box, no point on the object.
        ShapeError: a mask of another size than the frame.
    """
    who = f"object {prompt.object_id}"
    if prompt.mask is not None:
        if len(prompt.points) or prompt.box is not None:
            raise PromptError(f"{who}: a mask came with points or a box, expected one or the other")
        no_points = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
        return CheckedPrompt(*no_points, _check_mask(who, prompt.mask, frame_size), frame_size)
    if prompt.is_empty:
        raise PromptError(f"{who}: the prompt is empty, expected points, a box or a mask")
    _check_points(who, prompt.points, frame_size)
    coords, labels = prompt.points, prompt.labels
    if prompt.box is not None:
        corners = _check_box(who, prompt.box, frame_size)
        coords = np.concatenate((corners, coords))
        labels = np.concatenate((np.array([BOX_FIRST_CORNER, BOX_SECOND_CORNER], np.int32), labels))
    elif starts_object and not (labels == 1).any():
        raise PromptError(f"{who}: every point has label 0, expected at least one on the object (label 1)")
    return CheckedPrompt(coords, labels, None, frame_size)


def _check_points(who: str, points: NDArray[np.float32], frame_size: tuple[int, int]) -> None:
    height, width = frame_size
    for index, (x, y) in enumerate(points.tolist()):
        if not (0 <= x < width and 0 <= y < height):
            raise PromptError(
                f"{who}: point {index} is ({x:g}, {y:g}), expected inside the frame of {width} x {height}"
            )


def _check_box(who: str, box: NDArray[np.float32], frame_size: tuple[int, int]) -> NDArray[np.float32]:
    height, width = frame_size
    x0, y0, x1, y1 = box.tolist()
    as_given = f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not (x0 < x1 and y0 < y1):
        raise PromptError(f"{who}: box is {as_given}, expected x0 < x1 and y0 < y1")
    # A drag that leaves the picture is cut at its edge.
    clipped = np.clip(box, 0, np.array([width, height, width, height], np.float32))
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise PromptError(f"{who}: box is {as_given}, expected inside the frame of {width} x {height}")
    return clipped.reshape(2, 2)


def _check_mask(who: str, mask: BoolMask, frame_size: tuple[int, int]) -> BoolMask:
    if mask.shape != frame_size:
        raise ShapeError(f"{who}: mask has shape {mask.shape}, expected {frame_size} as the frame")
    if not mask.any():
        raise PromptError(f"{who}: mask is empty, expected at least one pixel")
    return mask
