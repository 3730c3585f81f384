"""From a decoded picture to the input that the network reads."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
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


def as_frame(frame: Frame | Image, seq: int, clock: Clock) -> Frame:
    """A frame itself; a bare array as the frame of this moment, without a pts.

    Raises:
        ShapeError: not an (H, W, 3) uint8 array with pixels.
    """
    if isinstance(frame, Frame):
        check_image(frame.image)
        return frame
    return Frame(
        image=check_image(frame),
        seq=seq,
        pts=None,
        time_base=NANOSECONDS,
        capture_monotonic_ns=clock.monotonic_ns(),
        capture_wall_ns=clock.wall_ns(),
    )


def check_image(image: object) -> Image:
    """The image itself, once it is what `step` takes.

    Raises:
        ShapeError: not an (H, W, 3) uint8 array with pixels.
    """
    if not isinstance(image, np.ndarray):
        raise ShapeError(f"frame is {type(image).__name__}, expected an (H, W, 3) uint8 RGB array")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ShapeError(f"frame is {image.shape} {image.dtype}, expected (H, W, 3) uint8 RGB")
    return image
