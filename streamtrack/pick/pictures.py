"""A film's pictures as a page shows them: decoded on one thread, the last of them at hand."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import cv2
import numpy as np

from streamtrack.errors import PromptError
from streamtrack.frame import Frame, Image

MAX_SIDE_PX = 1920
"""Longest side of a picture that is sent; prompts are in pixels of the film all the same."""
JPEG_QUALITY = 90
KEPT_BYTES = 64 << 20
"""JPEGs at hand: some 300 of full HD."""


class Frames(Protocol):
    """Frames by number; `SeekingFilm` is one."""

    num_frames: int

    def read(self, number: int) -> Frame:
        """One frame.

        Raises:
            SourceError: it cannot be read.
        """


class Pictures:
    """JPEGs by frame number. Asked from the event loop; frames are read on a thread of its own."""

    def __init__(self, film: Frames) -> None:
        self._film = film
        self._thread = ThreadPoolExecutor(1, "pick-pictures")
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0

    async def jpeg(self, number: int) -> bytes:
        """A frame's picture.

        Raises:
            PromptError: the film has no such frame.
            SourceError: it cannot be read.
        """
        if not 0 <= number < self._film.num_frames:
            raise PromptError(f"frame is {number}, expected 0 to {self._film.num_frames - 1}")
        kept = self._kept.get(number)
        if kept is None:
            kept = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, number)
        return kept

    def close(self) -> None:
        """End the thread; a picture that is being decoded is waited for."""
        self._thread.shutdown(cancel_futures=True)

    def _read(self, number: int) -> bytes:
        kept = self._kept.get(number)  # another asked for it meanwhile
        if kept is not None:
            return kept
        self._kept[number] = encoded = encode_jpeg(self._film.read(number).image)
        self._kept_bytes += len(encoded)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest)
        return encoded


def shown_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height at which a picture is sent."""
    scale = min(1.0, MAX_SIDE_PX / max(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def encode_jpeg(image: Image) -> bytes:
    """A picture as JPEG, scaled down where it is larger than pages need."""
    size = shown_size(image.shape[1], image.shape[0])
    if size != (image.shape[1], image.shape[0]):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    assert done
    return encoded.tobytes()
