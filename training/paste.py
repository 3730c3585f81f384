"""Objects pasted onto frames, with the ids of what is seen where."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image
from training.sprites import Sprite
from training.views import FloatArray, compose

OCCLUDER_ID = 9999
"""Of what covers and is never tracked."""

IdMap = npt.NDArray[np.int32]
"""(S, S): 0 background, 1 to 255 regions of the base, higher ids pasted objects."""


def leaving(sprite: Sprite, rng: np.random.Generator, side: int, num_frames: int) -> Sprite:
    """The same object, well inside on frame 0 and outside the picture from some later frame on."""
    start = rng.uniform(0.25 * side, 0.75 * side, 2)
    heading = rng.uniform(0, 2 * math.pi)
    gone_by = int(rng.integers(2, num_frames))
    distance = side + sprite.size
    velocity = np.array([math.cos(heading), math.sin(heading)]) * distance / gone_by
    return replace(sprite, position=start, velocity=velocity, sway=0.0, size=min(sprite.size, 0.5 * side))


def jumping(sprite: Sprite, rng: np.random.Generator, side: int, num_frames: int) -> Sprite:
    """The same object, from some later frame on anywhere else in the picture."""
    when = int(rng.integers(1, num_frames))
    target = rng.uniform(0.2 * side, 0.8 * side, 2)
    return replace(sprite, jump_at=when, jump=target - sprite.centre(when))


def box_fill(mask: npt.NDArray[np.bool_]) -> float:
    """Share of its bounding box that a mask covers."""
    _, _, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return float(mask.sum()) / max(1, int(width) * int(height))


def paste(
    frame: Image,
    ids: IdMap,
    sprite: Sprite,
    frame_idx: int,
    identity: int,
    view: FloatArray | None = None,
) -> None:
    """Draw a sprite onto one frame (S, S, 3) and its id map (S, S), in place.

    Args:
        view: (2, 3) from the clip's canvas to the frame; None: the frame is the canvas.
    """
    side = frame.shape[0]
    picture = sprite.picture(frame_idx)
    matrix = sprite.transform(frame_idx, picture.shape)
    if view is not None:
        matrix = compose(view, matrix)
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix[:, :2].T + matrix[:, 2]
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, side)
    if x1 <= x0 or y1 <= y0:
        return
    matrix[:, 2] -= (x0, y0)
    drawn = cv2.warpAffine(picture, matrix, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    alpha = drawn[..., 3:].astype(np.float32) / 255
    below = frame[y0:y1, x0:x1].astype(np.float32)
    colours = drawn[..., :3].astype(np.float32)
    solid = drawn[..., 3] > 127
    if sprite.blend and solid.any():
        shift = (below.reshape(-1, 3).mean(0) - colours[solid].mean(0)) * sprite.blend
        colours = np.clip(colours + shift, 0, 255)
    frame[y0:y1, x0:x1] = (below + (colours - below) * alpha).astype(np.uint8)
    ids[y0:y1, x0:x1][solid] = identity
