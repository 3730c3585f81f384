"""Pictures and videos as transformers takes them, as arrays or as a film."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamtrack.engine.preprocess import to_input
from streamtrack.errors import ShapeError
from streamtrack.frame import Image
from streamtrack.offline.film import AnyFilm, ArrayFilm, open_film

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""R, G, B of pixels from 0 to 1, as transformers normalises them for every SAM 2."""


def as_picture(picture: Any) -> Image:
    """(H, W, 3) uint8 RGB of a PIL image, an array or a tensor; its channels may come first.

    Raises:
        ShapeError: not a picture.
    """
    if hasattr(picture, "convert"):  # PIL's
        return np.asarray(picture.convert("RGB"))
    pixels = picture.detach().cpu().numpy() if isinstance(picture, Tensor) else np.asarray(picture)
    if pixels.ndim == 3 and pixels.shape[0] == 3 and pixels.shape[2] != 3:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise ShapeError(
            f"picture is {tuple(pixels.shape)} {pixels.dtype}, expected PIL, (H, W, 3) or (3, H, W) uint8 RGB"
        )
    return np.ascontiguousarray(pixels)


def as_pictures(images: Any) -> list[Image]:
    """One picture or several.

    Raises:
        ShapeError: not pictures.
    """
    one = hasattr(images, "convert") or getattr(images, "ndim", 0) == 3
    if not one and not hasattr(images, "__iter__"):
        raise ShapeError(f"images are {type(images).__name__}, expected PIL or (H, W, 3) uint8 RGB")
    found = [as_picture(image) for image in ([images] if one else images)]
    if not found:
        raise ShapeError("images are none, expected at least one")
    return found


def as_film(video: Any) -> AnyFilm:
    """A film of a path, a URL's file, a list of pictures or an array; in a list of one video it is that one.

    Raises:
        SourceError: it is not there, or cannot be read.
        ShapeError: it is no film.
    """
    if isinstance(video, str | os.PathLike):
        return open_film(video)
    if getattr(video, "ndim", 0) == 5 or (
        isinstance(video, Sequence) and len(video) and getattr(video[0], "ndim", 0) == 4
    ):
        if len(video) != 1:
            raise ShapeError(f"video is {len(video)} videos, expected 1: a session is of one")
        video = video[0]
    if not hasattr(video, "__len__") or not hasattr(video, "__getitem__"):
        raise ShapeError(f"video is {type(video).__name__}, expected a path or a list of pictures")
    return ArrayFilm(_Pictures(video))


def to_pixel_values(pictures: Sequence[Image], side: int, device: torch.device) -> Tensor:
    """(B, 3, S, S) float32: resized, from 0 to 1, normalised."""
    inputs = [to_input(picture, (side, side), device).round().float() for picture in pictures]
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (torch.cat(inputs) / 255 - mean) / std


def from_pixel_values(values: Any, side: int) -> Tensor:
    """(1, 3, S, S) uint8 of what a processor made of a frame; exact, as it began as bytes.

    Args:
        values: (3, S, S) or (1, 3, S, S).
    Raises:
        ShapeError: other than that.
    """
    shape = tuple(getattr(values, "shape", ()))
    floats = isinstance(values, Tensor) and values.is_floating_point()
    if not floats or shape not in ((3, side, side), (1, 3, side, side)):
        found = f"{shape} {values.dtype}" if isinstance(values, Tensor) else type(values).__name__
        raise ShapeError(
            f"frame is {found}, expected the processor's pixel_values[0], (3, {side}, {side}): "
            "model and processor must be of the same name"
        )
    pixels: Tensor = values.detach().float().reshape(1, 3, side, side)
    mean, std = (torch.tensor(numbers, device=pixels.device).view(1, 3, 1, 1) for numbers in (MEAN, STD))
    return ((pixels * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


class _Pictures:
    """A list of pictures of which each is read when it is asked for."""

    def __init__(self, pictures: Any) -> None:
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Image:
        return as_picture(self._pictures[index])
