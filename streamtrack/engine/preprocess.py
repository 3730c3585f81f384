"""From a decoded picture to the input that the network reads."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from streamtrack.clock import Clock
from streamtrack.errors import ShapeError
from streamtrack.frame import Frame, Image
from streamtrack.model.interface import Size

NANOSECONDS = Fraction(1, 1_000_000_000)


def to_input(image: Image, input_size: Size, device: torch.device) -> Tensor:
    """Bring a picture to the network's device and input size.

    Args:
        image: (height, width, 3) uint8 RGB, of any strides.
        input_size: H, W in pixels.
    Returns:
        (1, 3, H, W), see `resize_pixels`.
    """
    # torch knows no negative strides, and cannot share read-only memory without a warning: such pictures are
    # copied. Those of other strides are, too, so that one picture always gives the same numbers.
    shared = image.flags.writeable and image.flags.c_contiguous
    source = torch.from_numpy(image if shared else image.copy())
    return resize_pixels(source.to(device, non_blocking=True), input_size)


def resize_pixels(pixels: Tensor, input_size: Size) -> Tensor:
    """Resize to the network's input, antialiased, aspect ratio given up as SAM 2 does.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        input_size: H, W in pixels.
    Returns:
        (1, 3, H, W) uint8 on a CPU, float32 elsewhere (uint8 resampling exists on CPUs only); 0 to 255.
    """
    planes = pixels.permute(2, 0, 1)[None]
    if pixels.device.type != "cpu":
        planes = planes.to(torch.float32)
    if planes.shape[-2:] == input_size:
        return planes
    return F.interpolate(planes, size=input_size, mode="bilinear", antialias=True)


def as_frame(frame: object, seq: int, clock: Clock) -> Frame:
    """A frame whose image lies plainly in memory; a bare array as the frame of this moment, without a pts.

    A bare array is copied: its owner may read the next picture into it, and past frames are looked at again.

    Raises:
        ShapeError: not an (H, W, 3) uint8 array or tensor with pixels.
    """
    if isinstance(frame, Frame):
        image = as_image(frame.image)
        return frame if image is frame.image else replace(frame, image=image)
    image = as_image(frame)
    owned = image is not frame and image.base is None
    return Frame(
        image=image if owned else image.copy(),
        seq=seq,
        pts=None,
        time_base=NANOSECONDS,
        capture_monotonic_ns=clock.monotonic_ns(),
        capture_wall_ns=clock.wall_ns(),
    )


def as_image(image: object) -> Image:
    """What `step` takes as a picture, as a plain C-ordered array: itself where it is one, else a copy.

    Any strides are taken (a BGR view turned round, Fortran order, a slice), read-only memory, subclasses of
    numpy's array, and torch tensors on any device.

    Raises:
        ShapeError: not an (H, W, 3) uint8 array or tensor with pixels.
    """
    if isinstance(image, Tensor):
        image = image.detach().cpu().numpy() if image.dtype is torch.uint8 else image
    if not isinstance(image, np.ndarray | Tensor):
        raise ShapeError(f"frame is {type(image).__name__}, expected an (H, W, 3) uint8 RGB array")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ShapeError(
            f"frame is {tuple(image.shape)} {image.dtype}{_hint(image)}, expected (H, W, 3) uint8 RGB"
        )
    if type(image) is np.ndarray and image.flags.c_contiguous:
        return image
    return np.ascontiguousarray(np.asarray(image))


def _hint(image: NDArray[Any] | Tensor) -> str:
    """What a picture of another shape probably is."""
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return " (a grey picture?)"
    if image.ndim == 3 and image.shape[0] == 3 and image.shape[2] != 3:
        return " (channels first?)"
    if image.ndim == 3 and image.shape[2] == 4:
        return " (with alpha?)"
    return ""
