"""Pictures as PNG files: whole or not there at all."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from streamtrack.frame import Image
from streamtrack.offline.result_folder import ResultFolder
from streamtrack.offline.whole_writes import write_file


def write_rgb(folder: ResultFolder, name: str, picture: Image) -> None:
    """An (H, W, 3) uint8 RGB picture.

    Raises:
        OSError: the disk refuses.
    """
    write_file(folder.new_file(name), encode_rgb(picture))


def encode_rgb(picture: Image) -> bytes:
    """An (H, W, 3) uint8 RGB picture as a PNG file."""
    return _encode(np.ascontiguousarray(picture[..., ::-1]))


def write_grey(folder: ResultFolder, name: str, picture: NDArray[Any]) -> None:
    """An (H, W) uint8 or uint16 picture.

    Raises:
        OSError: the disk refuses.
    """
    write_file(folder.new_file(name), _encode(picture))


def write_indexed(folder: ResultFolder, name: str, labels: NDArray[np.uint8], palette: bytes) -> None:
    """An (H, W) picture of numbers, shown in the colours of a palette (R, G, B of 0 to 255).

    Raises:
        OSError: the disk refuses.
    """
    picture = Pillow.fromarray(labels)
    picture.putpalette(palette)
    data = io.BytesIO()
    picture.save(data, "PNG")
    write_file(folder.new_file(name), data.getvalue())


def _encode(picture: NDArray[Any]) -> bytes:
    written, data = cv2.imencode(".png", picture)
    assert written, "OpenCV encodes every picture of these types as PNG"
    return data.tobytes()
