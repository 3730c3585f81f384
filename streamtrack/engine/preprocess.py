"""From a decoded picture to the square that the network reads."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.clock import Clock
from streamtrack.errors import ShapeError
from streamtrack.frame import Frame, Image

NANOSECONDS = Fraction(1, 1_000_000_000)


def to_square(image: Image, image_size: int, device: torch.device) -> Tensor:
    """Bring a picture to the network's device and square.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: S in pixels.
    Returns:
        (1, 3, S, S), see `resize_pixels`.
    """
    # torch cannot share read-only memory without a warning, so such a picture is copied.
    source = torch.from_numpy(image if image.flags.writeable else image.copy())
    return resize_pixels(source.to(device, non_blocking=True), image_size)


def resize_pixels(pixels: Tensor, image_size: int) -> Tensor:
    """Resize to the network's square, antialiased, aspect ratio given up as SAM 2 does.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        image_size: S in pixels.
    Returns:
        (1, 3, S, S) uint8 on a CPU, float32 elsewhere (uint8 resampling exists on CPUs only); 0 to 255.
    """
    planes = pixels.permute(2, 0, 1)[None]
    if pixels.device.type != "cpu":
        planes = planes.to(torch.float32)
    if planes.shape[-2:] == (image_size, image_size):
        return planes
    return F.interpolate(planes, size=(image_size, image_size), mode="bilinear", antialias=True)


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
