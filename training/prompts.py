"""Simulated users: the first prompt on an object, and corrective clicks where the mask is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

BoolMask = npt.NDArray[np.bool_]

BOX_JITTERS, BOX_JITTER_SHARES = (0.0, 0.03, 0.08, 0.24), (0.2, 0.3, 0.4, 0.1)
"""Sides of a box are off by up to this share of its width or height, and how often: tight to careless."""


class PromptKind(StrEnum):
    """What the user does on the first frame."""

    CLICK = "click"
    BOX = "box"
    MASK = "mask"


@dataclass(frozen=True)
class Points:
    """Points and boxes as SAM 2 takes them."""

    coords: Tensor
    """(N, P, 2) float32, x and y in input pixels."""
    labels: Tensor
    """(N, P) int32: 0 background, 1 object, 2 and 3 the corners of a box."""

    def with_more(self, other: Points) -> Points:
        """The same prompt with further points."""
        return Points(torch.cat([self.coords, other.coords], 1), torch.cat([self.labels, other.labels], 1))

    def to(self, device: torch.device) -> Points:
        """The same on another device."""
        return Points(self.coords.to(device), self.labels.to(device))


def boxes_on(masks: npt.NDArray[np.bool_], rng: np.random.Generator | None) -> Points:
    """A box around each mask (N, H, W), jittered with `rng`; masks must not be empty."""
    coords = np.empty((len(masks), 2, 2), np.float32)
    height, width = masks.shape[1:]
    for k, mask in enumerate(masks):
        x, y, box_width, box_height = cv2.boundingRect(mask.astype(np.uint8))
        box = np.array([x, y, x + box_width, y + box_height], np.float32)
        if rng is not None:
            reach = float(rng.choice(BOX_JITTERS, p=BOX_JITTER_SHARES))
            box += rng.uniform(-reach, reach, 4) * np.array([box_width, box_height] * 2)
        coords[k] = np.clip(box, 0, [width, height] * 2).reshape(2, 2)
    labels = np.tile(np.array([2, 3], np.int32), (len(masks), 1))
    return Points(torch.from_numpy(coords), torch.from_numpy(labels))


def clicks_on(masks: npt.NDArray[np.bool_], rng: np.random.Generator | None) -> Points:
    """One positive click in each mask (N, H, W): its innermost point, or with `rng` any."""
    coords = np.array([[_point_inside(mask, rng)] for mask in masks], np.float32)
    return Points(torch.from_numpy(coords), torch.ones(len(masks), 1, dtype=torch.int32))


def corrections(predicted: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> Points:
    """A click in the larger kind of error of each object: positive where the mask misses, else negative."""
    coords = np.zeros((len(truth), 1, 2), np.float32)
    labels = np.zeros((len(truth), 1), np.int32)
    for k, (mask, true) in enumerate(zip(predicted, truth, strict=True)):
        missed, leaked = true & ~mask, mask & ~true
        if not missed.any() and not leaked.any():
            missed = true if true.any() else ~true
        positive = missed.sum() >= leaked.sum()
        coords[k, 0] = _point_inside(missed if positive else leaked, None)
        # An object that is hidden has nothing to miss: its only honest click is a negative one.
        labels[k, 0] = int(positive and bool(true.any()))
    return Points(torch.from_numpy(coords), torch.from_numpy(labels))


def _point_inside(mask: BoolMask, rng: np.random.Generator | None) -> tuple[float, float]:
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    if rng is None:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    else:
        ys, xs = np.nonzero(depth >= max(depth.max() * rng.uniform(0, 0.9), 1e-6))
        pick = int(rng.integers(len(xs)))
        y, x = ys[pick], xs[pick]
    return float(x) + 0.5, float(y) + 0.5
