"""Cut-outs with transparency, and how they are put into a picture. Pure but for the picture drawn into.

A patch is (H, W, 4) uint8 RGBA, premultiplied: its colour is already weighted by its alpha, so that
interpolating it at its edge mixes in no foreign colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.frame import BoolMask, Image
from streamtrack.scenes.textures import Floats

Patch = NDArray[np.uint8]
"""(H, W, 4) uint8 RGBA, premultiplied."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a patch goes."""

    x_px: float
    """Centre in the picture."""
    y_px: float
    width_px: float
    """The patch's width in the picture; its height follows."""
    angle_rad: float = 0.0
    """Turned clockwise on the screen."""
    flip: bool = False
    """Mirrored left to right."""
    stretch: float = 1.0
    """Height over what it would be."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """What a patch covers of a picture."""

    x0: int
    y0: int
    opaque: BoolMask
    """(h, w) bool: where it covers more than half, from (x0, y0) on."""


def make_patch(rgb: Floats, alpha: Floats) -> Patch:
    """Premultiply.

    Args:
        rgb: (H, W, 3) float32, 0 to 255.
        alpha: (H, W) float32, 0 to 1.
    """
    premultiplied = np.concatenate([rgb * alpha[..., None], 255 * alpha[..., None]], axis=-1)
    return np.clip(premultiplied + 0.5, 0, 255).astype(np.uint8)


def patch_matrix(pose: Pose, patch_height: int, patch_width: int) -> NDArray[np.float64]:
    """(2, 3) affine from patch pixels to picture pixels."""
    scale = pose.width_px / patch_width
    scale_x, scale_y = (-scale if pose.flip else scale), scale * pose.stretch
    cos, sin = math.cos(pose.angle_rad), math.sin(pose.angle_rad)
    linear = np.array([[cos * scale_x, -sin * scale_y], [sin * scale_x, cos * scale_y]])
    centre = np.array([(patch_width - 1) / 2, (patch_height - 1) / 2])
    shift = np.array([pose.x_px, pose.y_px]) - linear @ centre
    return np.concatenate([linear, shift[:, None]], axis=1)


def composite(image: Image, patch: Patch, pose: Pose) -> Placed | None:
    """Draw a patch over a picture, in place; None where it lies outside."""
    placed = _warp(image.shape[1], image.shape[0], patch, pose)
    if placed is None:
        return None
    x0, y0, warped = placed
    height, width = warped.shape[:2]
    region = image[y0 : y0 + height, x0 : x0 + width]
    region[:] = cv2.add(_seen_through(region, warped), cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB))
    return Placed(x0, y0, warped[..., 3] > 127)


def composite_patch(under: Patch, patch: Patch, pose: Pose) -> None:
    """Draw a patch over another one, in place."""
    placed = _warp(under.shape[1], under.shape[0], patch, pose)
    if placed is None:
        return
    x0, y0, warped = placed
    height, width = warped.shape[:2]
    region = under[y0 : y0 + height, x0 : x0 + width]
    region[:] = cv2.add(_seen_through(region, warped), warped)


def blend(region: Image, patch: Patch) -> None:
    """Lay a patch of the same size over a region, in place."""
    region[:] = cv2.add(_seen_through(region, patch), cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB))


def _warp(width: int, height: int, patch: Patch, pose: Pose) -> tuple[int, int, Patch] | None:
    """The patch in its pose, cut to the picture: x0, y0 and the pixels from there."""
    patch_height, patch_width = patch.shape[:2]
    matrix = patch_matrix(pose, patch_height, patch_width)
    corners = np.array([[0, patch_width, 0, patch_width], [0, 0, patch_height, patch_height], [1, 1, 1, 1]])
    xs, ys = matrix @ corners
    x0, y0 = max(0, math.floor(xs.min()) - 1), max(0, math.floor(ys.min()) - 1)
    x1, y1 = min(width, math.ceil(xs.max()) + 1), min(height, math.ceil(ys.max()) + 1)
    if x0 >= x1 or y0 >= y1:
        return None
    matrix[:, 2] -= (x0, y0)
    return x0, y0, np.asarray(cv2.warpAffine(patch, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR))


def _seen_through(region: NDArray[np.uint8], patch: Patch) -> NDArray[np.uint8]:
    """What is left of a region under a patch of its size."""
    through = cv2.bitwise_not(cv2.extractChannel(patch, 3))
    return np.asarray(cv2.multiply(region, cv2.merge([through] * region.shape[2]), scale=1 / 255))


def soft_shadow(size: int = 64, strength: float = 0.5) -> Patch:
    """A round dark spot that fades outward; stretched flat, it is a shadow on the ground."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    radius = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    alpha = strength * np.clip(1 - radius, 0, 1) ** 1.2
    return make_patch(np.zeros((size, size, 3), np.float32), alpha.astype(np.float32))
