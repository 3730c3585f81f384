"""From a decoded picture to the square that the network reads."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamtrack.errors import ShapeError
from streamtrack.frame import Image


def to_square(image: Image, image_size: int, device: torch.device) -> Tensor:
    """Resize a picture to the network's square, antialiased, aspect ratio given up as SAM 2 does.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: S in pixels.
    Returns:
        (1, 3, S, S) uint8 on a CPU, float32 elsewhere (uint8 resampling exists on CPUs only); 0 to 255.
    """
    # torch cannot share read-only memory without a warning, so such a picture is copied.
    source = torch.from_numpy(image if image.flags.writeable else image.copy())
    planes = source.to(device, non_blocking=True).permute(2, 0, 1)[None]
    if device.type != "cpu":
        planes = planes.to(torch.float32)
    if planes.shape[-2:] == (image_size, image_size):
        return planes
    return F.interpolate(planes, size=(image_size, image_size), mode="bilinear", antialias=True)


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
