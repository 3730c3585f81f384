"""Pictures out of files and bytes, which fail here where there is none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from streamtrack.frame import Image


def read_image(path: Path, flags: int = cv2.IMREAD_COLOR) -> Image:
    """A file's picture: (H, W, 3) uint8 BGR unless the flags say another."""
    return decode_image(path.read_bytes(), flags)


def decode_image(data: bytes, flags: int = cv2.IMREAD_COLOR) -> Image:
    """The picture in the bytes of a file, as `read_image`."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert image is not None, "no picture"
    assert image.dtype == np.uint8
    return np.asarray(image, np.uint8)
