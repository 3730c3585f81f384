"""What lies under the pasted objects: a photo, a labelled photo, real frames, or a procedural scene.

A base draws any of its frames through any view (`training.views`), from its own pixels: a small object in a
narrow window keeps what the picture has of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image, Track, read_labels, read_photo
from training.layers import Layers, OwnMotion, draw_object
from training.paste import OCCLUDER_ID, IdMap, paste
from training.sprites import Sprite
from training.views import FloatArray, compose


class Base(Protocol):
    """Frames with ids, drawn when asked for."""

    def draw(self, t: int, view: FloatArray, side_px: int) -> tuple[Image, IdMap]:
        """Frame `t` through a view: (S, S, 3) RGB and (S, S) ids."""
        ...


@dataclass(frozen=True)
class PhotoBase:
    """A photo under a moving camera, with or without labelled regions."""

    photo: Image
    """(H, W, 3) RGB."""
    labels: Image | None
    """(H, W), whose values are the ids."""
    maps: Sequence[FloatArray]
    """(2, 3) from the photo to the canvas, a frame each."""
    mover: tuple[Layers, OwnMotion, int] | None = None
    """One region that moves by itself, and its id."""

    def draw(self, t: int, view: FloatArray, side_px: int) -> tuple[Image, IdMap]:
        """Frame `t` through a view."""
        matrix, size = compose(view, self.maps[t]), (side_px, side_px)
        frame = cv2.warpAffine(
            self.photo, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        ids = np.zeros(size, np.int32)
        if self.labels is not None:
            ids[:] = cv2.warpAffine(self.labels, matrix, size, flags=cv2.INTER_NEAREST)
        if self.mover:
            layers, motion, label = self.mover
            draw_object(frame, ids, layers, motion, matrix, t, label)
        return np.asarray(frame, np.uint8), ids


@dataclass(frozen=True)
class TrackBase:
    """Real frames with the outline of one object, whose id is 1, and perhaps its twin beside it."""

    track: Track
    order: Sequence[int]
    """Samples of the track, a frame each."""
    matrix: FloatArray
    """(2, 3) from the clip's pixels to the canvas."""
    twin: Sprite | None = None
    twin_behind: bool = False

    def draw(self, t: int, view: FloatArray, side_px: int) -> tuple[Image, IdMap]:
        """Frame `t` through a view."""
        frame, target = self.warped(t, view, side_px)
        ids = target.astype(np.int32)
        if self.twin:
            before = frame.copy()
            paste(frame, ids, self.twin, t, OCCLUDER_ID, view)
            if self.twin_behind:
                frame[target], ids[target] = before[target], 1
        return frame, ids

    def warped(self, t: int, view: FloatArray, side_px: int) -> tuple[Image, npt.NDArray[np.bool_]]:
        """The real frame and where the object is, without the twin."""
        matrix, size, sample = compose(view, self.matrix), (side_px, side_px), self.order[t]
        frame = cv2.warpAffine(
            read_photo(self.track.frames[sample]),
            matrix,
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        mask = cv2.warpAffine(read_labels(self.track.masks[sample]), matrix, size, flags=cv2.INTER_LINEAR)
        return np.asarray(frame, np.uint8), np.asarray(mask > 127)


@dataclass(frozen=True)
class RenderedBase:
    """Frames that something else drew, with their ids."""

    frames: Sequence[Image]
    """(H, W, 3) RGB each."""
    ids: Sequence[IdMap]
    """(H, W) each."""
    matrix: FloatArray
    """(2, 3) from their pixels to the canvas."""

    def draw(self, t: int, view: FloatArray, side_px: int) -> tuple[Image, IdMap]:
        """Frame `t` through a view."""
        matrix, size = compose(view, self.matrix), (side_px, side_px)
        frame = cv2.warpAffine(
            self.frames[t], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        ids = cv2.warpAffine(self.ids[t].astype(np.float32), matrix, size, flags=cv2.INTER_NEAREST)
        return np.asarray(frame, np.uint8), ids.astype(np.int32)


def mirrored(canvas_px: int) -> FloatArray:
    """The map that exchanges left and right of the canvas."""
    return np.array([[-1.0, 0.0, float(canvas_px)], [0.0, 1.0, 0.0]])


def fitted(width: int, height: int, canvas_px: int, *, squash: bool) -> FloatArray:
    """The map of a picture onto the canvas: squashed to its square, or aspect-true with its longer side."""
    across, down = canvas_px / width, canvas_px / height
    if not squash:
        across = down = min(across, down)
    return np.array([[across, 0.0, 0.0], [0.0, down, 0.0]])


def cropped(
    box: tuple[int, int, int, int], size: tuple[int, int], rng: np.random.Generator, canvas_px: int
) -> FloatArray:
    """The map of a random part of a picture that holds a box, squashed to the canvas as wide video is.

    Args:
        box: x, y, width, height.
        size: width and height of the picture.
    """
    x, y, box_width, box_height = box
    width, height = size
    zoom = math.exp(rng.uniform(0, math.log(4)))
    crop_height = min(height, max(box_height * 1.05, max(box_height, box_width / 1.5) * zoom))
    crop_width = min(width, max(box_width * 1.05, crop_height * rng.uniform(0.8, 1.8)))
    left = rng.uniform(max(0, x + box_width - crop_width), max(0, min(x, width - crop_width)) + 1e-6)
    top = rng.uniform(max(0, y + box_height - crop_height), max(0, min(y, height - crop_height)) + 1e-6)
    scale = np.diag([canvas_px / crop_width, canvas_px / crop_height])
    return np.column_stack([scale, -scale @ np.array([left, top])])
