"""`model.image_size`: the side of the square that a network is shown, or a width and a height.

A square shows a wide picture squeezed: of 1920 x 1080 pixels, 1024 x 1024 keep more rows than columns need.
At 1024x576 a network sees the same width undistorted, and has little more than half of the pixels to encode.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator

LEAST_PX = 128
MOST_PX = 2048

_WIDTH_AND_HEIGHT = re.compile(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*")


def read_image_size(value: Any) -> int | str:
    """A size as it is kept: an int for a square, else WIDTHxHEIGHT.

    Raises:
        ValueError: it is neither, or a side is too small or too large.
    """
    found = _WIDTH_AND_HEIGHT.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        width, height = int(found[1]), int(found[2])
    elif isinstance(value, int | str) and str(value).strip().isdecimal():
        width = height = int(value)
    else:
        raise ValueError(f"expected a whole number of pixels, {LEAST_PX} to {MOST_PX}, or two: 1024x576")
    if not all(LEAST_PX <= side <= MOST_PX for side in (width, height)):
        # Who tells of it shows numbers as they are, of texts their length alone.
        got = f"{width}x{height}, " if found is not None else ""
        raise ValueError(f"{got}expected {LEAST_PX} to {MOST_PX} px")
    return width if width == height else f"{width}x{height}"


def input_size_of(image_size: int | str) -> tuple[int, int]:
    """H, W in pixels of a size as `read_image_size` keeps it."""
    if isinstance(image_size, int):
        return image_size, image_size
    width, _, height = image_size.partition("x")
    return int(height), int(width)


def size_text(input_size: tuple[int, int]) -> str:
    """H, W in pixels as they are written: 1024 for a square, 1024x576 else."""
    height, width = input_size
    return str(width) if width == height else f"{width}x{height}"


ImageSize = Annotated[int | str, PlainValidator(read_image_size)]
"""As a config has it."""
