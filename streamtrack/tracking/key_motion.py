"""How pictures move from one key frame to the next, found when somebody asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamtrack.engine.drift import Field
from streamtrack.frame import Frame, Image
from streamtrack.model.interface import Size

PIXELS = 640 * 360
"""Of the small pictures; larger ones carry hardly better."""
COARSE_PIXELS = 384 * 216
"""Of those on which the flow of all of a frame is found: each object's is made finer where it is."""

Grey = NDArray[np.uint8]
"""(h, w), a picture made small."""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """How a key frame came from the one before it."""

    to_before: Field
    """(h, w, 2) x, y: what a place of the frame needs to be that on the frame before, in pixels of the small
    pictures."""
    grey: Grey
    """The frame."""


class KeyMotion:
    """Optical flow between the last H key frames, on small grey pictures of their aspect.

    Args:
        history_frames: H.
    """

    def __init__(self, history_frames: int) -> None:
        self._flow = make_flow(patch_px=4, stride_px=3, iterations=12)
        self._greys: list[tuple[int, Grey] | None] = [None] * history_frames
        self._pictures: dict[int, Image] = {}
        self._unknown: set[int] = set()
        self._found: tuple[int, Moved] | None = None

    @property
    def num_bytes(self) -> int:
        """Bytes that it keeps at most, pictures apart."""
        return len(self._greys) * PIXELS

    def add(self, key: int, frame: Frame) -> None:
        """Take the next key frame into account."""
        # Made small only where somebody asks: while the network looks at everybody, nobody does.
        self._pictures = {k: one for k, one in self._pictures.items() if k == key - 1}
        self._pictures[key] = frame.image
        self._unknown = {k for k in self._unknown if key - k <= len(self._greys)}
        if frame.damaged:
            self._unknown.add(key)
        self._found = None

    def at(self, key: int) -> Moved:
        """How a kept key frame came from the one before it, which is of its size; nothing moves where either
        came damaged."""
        if self._found is None or self._found[0] != key:
            self._found = key, self._find(key)
        return self._found[1]

    def grey(self, key: int) -> Grey:
        """A kept key frame to which, or from which, something was carried."""
        place = key % len(self._greys)
        kept = self._greys[place]
        if kept is None or kept[0] != key:
            kept = self._greys[place] = key, to_grey(self._pictures[key])
        return kept[1]

    def _find(self, key: int) -> Moved:
        before, after = self.grey(key - 1), self.grey(key)
        if not self._unknown.isdisjoint((key, key - 1)):
            return Moved(np.zeros((*after.shape, 2), np.float32), after)
        height, width = after.shape
        small = small_size(after.shape, COARSE_PIXELS)[::-1]
        now, then = (cv2.resize(one, small, interpolation=cv2.INTER_AREA) for one in (after, before))
        coarse = self._flow.calc(now, then, None)
        flow = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        flow *= np.array([width / small[0], height / small[1]], np.float32)
        return Moved(np.asarray(flow, np.float32), after)


def make_flow(*, patch_px: int, stride_px: int, iterations: int) -> cv2.DISOpticalFlow:
    """OpenCV's DIS as it carries masks best for its time: without the refinement that smooths motion over an
    object's edge, which takes half of the time and costs masks."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setVariationalRefinementIterations(0)
    flow.setGradientDescentIterations(iterations)
    flow.setPatchSize(patch_px)
    flow.setPatchStride(stride_px)
    return flow


def to_grey(image: Image) -> Grey:
    """The picture in grey, small, its own aspect kept."""
    height, width = small_size(image.shape[:2], PIXELS)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def small_size(size: Sequence[int], pixels: int) -> Size:
    """H, W of the same aspect with at most so many pixels, and no more than there are."""
    scale = min(1.0, math.sqrt(pixels / (size[0] * size[1])))
    return max(16, int(size[0] * scale)), max(16, int(size[1] * scale))
