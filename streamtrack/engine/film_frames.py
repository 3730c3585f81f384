"""A film's frames as the network's inputs, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from streamtrack.engine.preprocess import to_input
from streamtrack.frame import Image
from streamtrack.model.interface import Size

CACHED_FRAMES = 32
"""Inputs at hand. A film that is followed backward decodes each of its groups of pictures once for so many
frames."""

Resampling = Literal["bilinear", "bicubic"]


class Film(Protocol):
    """Pictures of one size that can be read in any order. `streamtrack.offline.film` opens them."""

    @property
    def num_frames(self) -> int:
        """At least 1."""

    @property
    def frame_size(self) -> Size:
        """H, W in pixels."""

    @property
    def resampling(self) -> Resampling:
        """How its pictures come to the network's input size, antialiased."""

    def read(self, frame_idx: int, before: int) -> Iterator[tuple[int, Image]]:
        """A frame as (H, W, 3) uint8 RGB with its frame_idx, last; ahead of it come those of up to `before`
        earlier frames that had to be decoded for it.

        Raises:
            SourceError: it cannot be read.
        """


class FilmFrames:
    """Inputs by frame_idx, a bounded number of them at hand."""

    def __init__(
        self, film: Film, input_size: Size, device: torch.device, *, resampling: Resampling | None = None
    ) -> None:
        """Of a film.

        Args:
            resampling: instead of the film's own.
        """
        self._film = film
        self._resampling = film.resampling if resampling is None else resampling
        self._input_size = input_size
        self._device = device
        self._cached: dict[int, Tensor] = {}

    def __call__(self, frame_idx: int) -> Tensor:
        """(1, 3, H, W), 0 to 255."""
        if frame_idx not in self._cached:
            for index, image in self._film.read(frame_idx, CACHED_FRAMES - 1):
                self._cached.pop(index, None)
                self._cached[index] = self._resize(image)
            while len(self._cached) > CACHED_FRAMES:
                del self._cached[next(iter(self._cached))]
        return self._cached[frame_idx].to(self._device)

    def _resize(self, image: Image) -> Tensor:
        if self._resampling == "bilinear":
            return to_input(image, self._input_size, self._device).cpu()
        # Pillow's own resampling, as sam2's loader has it: torch's differs by one level here and there.
        height, width = self._input_size
        resized = PIL.Image.fromarray(image).resize((width, height), PIL.Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None]
