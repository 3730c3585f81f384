"""What a tracker must beat: the first mask left where it was, and the first mask carried by optical flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from training.bank import Image

BoolMask = npt.NDArray[np.bool_]


def static_masks(first: BoolMask, frames: Sequence[Image]) -> Iterator[BoolMask]:
    """The first mask on every frame."""
    for _ in frames:
        yield first


def flow_masks(first: BoolMask, frames: Sequence[Image]) -> Iterator[BoolMask]:
    """The first mask, carried from frame to frame by dense flow (OpenCV's DIS, medium preset).

    The flow runs from the new frame back to the old one, so that every pixel looks up where it came from.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height, width = first.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    carried = first.astype(np.float32)
    previous = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
    yield first
    for frame in frames[1:]:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        shift = flow.calc(grey, previous, None)
        carried = cv2.remap(carried, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR)
        previous = grey
        yield carried > 0.5
